import { clampUtf8, cleanSegment, cleanText, decodeOnce, maxSegmentBytes } from './path-text.ts';

// Keeps `folder/name` below 1 KiB: such paths fit the index entries of every store.
const maxFolderBytes = 768;

/**
 * The folder that `raw` means (Upload API 1.6): `''` for the root, otherwise `a/b` of safe
 * segments. Takes any string and never fails. A folder that is too long loses its last segments.
 * Cleaning a clean folder changes nothing.
 */
export function cleanFolder(raw: string): string {
  return folderOf(decodeOnce(raw));
}

/** The same for text that is already percent-decoded. */
export function folderOf(decoded: string): string {
  if (decoded.trim() === '') {
    return '';
  }
  const segments = cleanText(decoded)
    .replaceAll('..', '_')
    .replaceAll('\\', '/')
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => (segment === '.' ? '_' : clampUtf8(cleanSegment(segment), maxSegmentBytes)));
  return shorten(segments);
}

function shorten(segments: readonly string[]): string {
  let folder = '';
  for (const segment of segments) {
    const longer = folder === '' ? segment : `${folder}/${segment}`;
    if (Buffer.byteLength(longer) > maxFolderBytes) {
      break;
    }
    folder = longer;
  }
  return folder;
}
