import { extensionFor } from '../content-type/media-types.ts';
import { clampUtf8, cleanText, decodeOnce, MAX_SEGMENT_BYTES } from '../naming/path-text.ts';

/**
 * The last segment of a URL's path as a file name of at most 255 bytes; `import` when there is
 * none.
 */
export function nameInUrl(url: string): string {
  const path = URL.parse(url)?.pathname ?? '';
  const segment = path.slice(path.lastIndexOf('/') + 1);
  const name = cleanText(decodeOnce(segment)).replaceAll(/[/\\]/g, '_').trim();
  return clampUtf8(name, MAX_SEGMENT_BYTES - 6).trim() || 'import';
}

/** A name without an extension gets the one of its type. */
export function withExtension(name: string, contentType: string): string {
  return /\.[a-z0-9]{1,10}$/i.test(name) ? name : `${name}.${extensionFor('', contentType)}`;
}
