import { extensionFor } from '../content-type/media-types.ts';
import { clampUtf8, cleanText, decodeOnce, maxSegmentBytes } from '../naming/path-text.ts';

export interface ImportRequest {
  readonly url: string;
  /** Absent takes the last segment of the URL's path. */
  readonly filename: string | undefined;
  readonly ip: string | null;
  readonly signal: AbortSignal;
}

/** The name that the request gives or implies; its extension may be missing or wrong. */
export function givenName({ filename, url }: ImportRequest): string {
  return filename ?? nameInUrl(url);
}

/** The name of the file, once its type is known. */
export function finalName({ filename, url }: ImportRequest, contentType: string): string {
  return filename ?? withExtension(nameInUrl(url), contentType);
}

/**
 * The last segment of a URL's path as a file name of at most 255 bytes; `import` when there is
 * none.
 */
function nameInUrl(url: string): string {
  const path = URL.parse(url)?.pathname ?? '';
  const segment = path.slice(path.lastIndexOf('/') + 1);
  const name = cleanText(decodeOnce(segment)).replaceAll(/[/\\]/g, '_').trim();
  return clampUtf8(name, maxSegmentBytes - 6).trim() || 'import';
}

/** A name without an extension gets the one of its type. */
function withExtension(name: string, contentType: string): string {
  return /\.[a-z0-9]{1,10}$/i.test(name) ? name : `${name}.${extensionFor('', contentType)}`;
}
