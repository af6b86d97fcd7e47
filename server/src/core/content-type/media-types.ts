import type { Category } from '../metadata.ts';
import { aliases, extensionsOf } from './media-type-names.ts';

const typeOfExtension = new Map<string, string>();
for (const [type, extensions] of Object.entries(extensionsOf)) {
  for (const extension of extensions) {
    if (!typeOfExtension.has(extension)) {
      typeOfExtension.set(extension, type);
    }
  }
}

/**
 * `type/subtype` in lower case and its usual spelling, without parameters. Undefined when the text
 * is not a media type.
 */
export function essenceOf(contentType: string | undefined): string | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(essence)) {
    return undefined;
  }
  return aliases.get(essence) ?? essence;
}

/** The media type that a file's extension means; undefined when unknown. */
export function typeOfName(filename: string): string | undefined {
  return typeOfExtension.get(/\.([^./\\]+)$/.exec(filename)?.[1]?.toLowerCase() ?? '');
}

/**
 * The extension of a stored name, without a dot, in lower case: that of the file name when it is a
 * plausible one, otherwise that of the type, otherwise the subtype, otherwise `bin` (Upload API
 * 1.7).
 */
export function extensionFor(filename: string, contentType: string): string {
  const own = /\.([a-z0-9]{1,10})$/i.exec(filename)?.[1]?.toLowerCase();
  if (own !== undefined && /[a-z]/.test(own)) {
    return own;
  }
  const essence = essenceOf(contentType);
  const known = essence === undefined ? undefined : extensionsOf[essence]?.[0];
  if (known !== undefined) {
    return known;
  }
  const subtype = /\/(?:x-)?([a-z0-9]{1,10})$/.exec(essence ?? '')?.[1];
  return subtype ?? 'bin';
}

const documents: ReadonlySet<string> = new Set(
  Object.keys(extensionsOf).filter((type) =>
    /^(?:text\/|application\/(?:pdf|postscript|rtf|msword|epub|vnd\.(?:open|ms-(?!font)|oasis)))/.test(
      type,
    ),
  ),
);

/** What the Media API takes. */
export const mediaCategories = [
  'image',
  'video',
  'document',
] as const satisfies readonly Category[];
export type MediaCategory = (typeof mediaCategories)[number];

export function categoryOf(contentType: string): Category {
  const essence = essenceOf(contentType) ?? '';
  const [top] = essence.split('/', 1);
  if (top === 'image' || top === 'video' || top === 'audio') {
    return top;
  }
  return top === 'text' || documents.has(essence) || dataFormats.has(essence)
    ? 'document'
    : 'other';
}

const dataFormats: ReadonlySet<string> = new Set([
  'application/json',
  'application/xml',
  'application/xhtml+xml',
  'application/yaml',
  'application/toml',
  'application/x-ndjson',
  'application/x-subrip',
]);
