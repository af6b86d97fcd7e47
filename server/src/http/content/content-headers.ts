import { charsetOf } from '../../core/content-type/charset.ts';
import { essenceOf } from '../../core/content-type/media-types.ts';
import { isActive, isInert, isText } from '../../core/content-type/safe-types.ts';
import { clampUtf8, cleanText, maxSegmentBytes } from '../../core/naming/path-text.ts';

export interface ContentDescription {
  /** As the owner sees it; any string. */
  readonly filename: string;
  /** As sniffed and stored. */
  readonly contentType: string;
  /** Save instead of show. Default false. */
  readonly download?: boolean;
  readonly cacheControl: string;
}

/**
 * The headers for bytes of users: nothing runs in the owner's origin, every picture, sound and
 * video still shows, and other sites may embed them.
 *
 * Content that a browser could run (HTML, XML, scripts) is sent as plain text and as a download,
 * content of unknown type as `application/octet-stream`. SVG keeps its type, because as a picture
 * in a page it runs nothing. Opened by itself it is a download too. So is a PDF: Chromium shows one
 * in a sandbox and runs its scripts there (seen in version 156: dialogs, changed forms), under the
 * owner's address.
 */
export function contentHeaders({
  filename,
  contentType,
  download = false,
  cacheControl,
}: ContentDescription): Record<string, string> {
  const essence = essenceOf(contentType) ?? 'application/octet-stream';
  return {
    'Content-Type': servedType(essence, contentType),
    'Content-Disposition': contentDisposition(
      download || !isShown(essence) ? 'attachment' : 'inline',
      filename,
    ),
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy':
      /^(?:image|audio|video)\//.test(essence) && essence !== svgType ? mediaPolicy : policy,
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': 'Content-Length, Content-Range, ETag, Accept-Ranges',
    'Cache-Control': cacheControl,
  };
}

const svgType = 'image/svg+xml';

// Viewers of pictures and SVG use styles on themselves. A sandboxed document has no origin to run
// anything in.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
// A picture or video that is opened by itself is loaded by a document of the browser's own, to
// which the policy applies.
const mediaPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; sandbox";

function servedType(essence: string, contentType: string): string {
  if (essence === svgType) {
    return essence;
  }
  const type = isActive(essence)
    ? 'text/plain'
    : isInert(essence)
      ? essence
      : 'application/octet-stream';
  const charset = isText(essence) ? charsetOf(contentType) : undefined;
  return charset === undefined ? type : `${type}; charset=${charset}`;
}

function isShown(essence: string): boolean {
  return (
    isInert(essence) &&
    (/^(?:image|audio|video|text)\//.test(essence) || essence === 'application/json')
  );
}

/**
 * RFC 6266: an ASCII name for every client, and the real one (RFC 8187) when it differs.
 * Directories are dropped.
 */
export function contentDisposition(type: 'inline' | 'attachment', filename: string): string {
  const base = cleanText(filename).split(/[/\\]/).at(-1)?.trim() ?? '';
  const name = clampUtf8(base === '' ? 'file' : base, maxSegmentBytes);
  // Percent signs are replaced too, because some clients decode them in the plain parameter.
  const plain = name.replaceAll(/[^\x20-\x7e]|["%]/g, '_');
  return `${type}; filename="${plain}"${plain === name ? '' : `; filename*=UTF-8''${encodeExtended(name)}`}`;
}

function encodeExtended(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
