import { essenceOf, typeOfName } from './media-types.ts';

/**
 * The media type that a sender means, by its usual name. Where the sender gives no useful type
 * (none, a generic one, a placeholder such as `undefined`), the file's extension decides. Undefined
 * when that is unknown too.
 */
export function declaredType(contentType: string, filename: string): string | undefined {
  return isUnspecificType(contentType) ? typeOfName(filename) : essenceOf(contentType);
}

/** Whether a Content-Type leaves open what the bytes are. */
export function isUnspecificType(contentType: string | undefined): boolean {
  const text = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (text.includes('/')) {
    return genericTypes.has(text) || wildcard.test(text);
  }
  return placeholders.has(text) || typeOfName(`file.${text.replace(/^\./, '')}`) !== undefined;
}

/** `image/`, `image/*`, `*\/*` */
const wildcard = /^(?:[a-z]+|\*)?\/\*?$/;

// Sent by browsers, curl (which labels any body a form), mail and download programs when they do
// not know the type.
const genericTypes: ReadonlySet<string> = new Set([
  'application/octet-stream',
  'application/octetstream',
  'application/x-octet-stream',
  'binary/octet-stream',
  'application/binary',
  'application/x-binary',
  'application/unknown',
  'application/x-unknown',
  'application/x-unknown-content-type',
  'application/x-unknown-mime-type',
  'unknown/unknown',
  'application/download',
  'application/x-download',
  'application/force-download',
  'application/x-force-download',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
]);

const placeholders: ReadonlySet<string> = new Set([
  ...[
    '',
    'undefined',
    'null',
    'none',
    'nil',
    'false',
    'nan',
    'unknown',
    'default',
    'auto',
    '*',
    '[object object]',
    '[object file]',
  ],
  ...[
    'image',
    'img',
    'picture',
    'photo',
    'video',
    'movie',
    'document',
    'file',
    'media',
    'application',
    'binary',
    'blob',
    'raw',
  ],
]);
