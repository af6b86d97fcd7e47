import { corrupt, take, type Walk } from './walk.ts';

const nearBytes = 1024;
const farBytes = 64 * 1024;
const tailBytes = 16 * 1024;
const windowBytes = 1024 * 1024;
/** Limits how far from the end to search. */
const maxWindows = 20;
/**
 * Every reader begins at the catalogue, which a trailer names by this entry. Trailers are plain
 * text, also those of compressed cross-references.
 */
const root = '/Root';
/** What tools cut off or change at the end of a file without notice. */
const slackBytes = 1024;

/**
 * Accepts the files that readers open. Readers look for the header behind anything in front of it,
 * and rebuild broken cross-references from the objects. So a file may lack `%%EOF` or have anything
 * behind it. A file without any trailer is truncated.
 */
export function* walkPdf(fileBytes: number): Walk<undefined> {
  yield* checkHead(fileBytes);
  const tail = Math.max(0, fileBytes - tailBytes);
  if (isWhole(yield* take(tail, fileBytes - tail))) {
    return undefined;
  }
  for (let end = tail, windows = 0; end > 0; end -= windowBytes, windows++) {
    // A word may cross the border of two windows.
    const wanted = [
      Math.max(0, end - windowBytes),
      Math.min(fileBytes, end + root.length),
    ] as const;
    if (windows >= maxWindows || (yield* holdsRoot(...wanted))) {
      return undefined;
    }
  }
  throw corrupt('The PDF is truncated: it has no trailer.');
}

/** The usual end, or at least a trailer. */
function isWhole(tail: Buffer): boolean {
  return tail.includes('%%EOF', -nearBytes) || tail.includes(root);
}

function* holdsRoot(start: number, end: number): Walk<boolean> {
  return (yield* take(start, end - start)).includes(root);
}

function* checkHead(fileBytes: number): Walk<void> {
  for (const bytes of [nearBytes, farBytes]) {
    const head = yield* take(0, Math.min(bytes, fileBytes));
    if (head.includes('PDF-')) {
      return checkLength(head, fileBytes);
    }
  }
  throw corrupt('The PDF has no header.');
}

/** A linearized file states its length in a trailer at its start. */
function checkLength(head: Buffer, fileBytes: number): void {
  const dictionary = /\/Linearized\b[^>]*>/.exec(head.toString('latin1', 0, nearBytes))?.[0] ?? '';
  const told = Number(/\/L\s+(\d+)/.exec(dictionary)?.[1] ?? 0);
  if (fileBytes + slackBytes < told) {
    throw corrupt('The PDF is truncated: it is shorter than it says.');
  }
}
