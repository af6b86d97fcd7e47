import { corrupt, take, type Walk } from './walk.ts';

const windowBytes = 1024;
const tailBytes = 16 * 1024;
const padding: ReadonlySet<number | undefined> = new Set([0x00, 0x09, 0x0a, 0x0d, 0x1a, 0x20]);

/** As readers do: the header within the first KiB, the end mark within the last one (padding at the end does not count). */
export function* walkPdf(fileBytes: number): Walk<undefined> {
  const head = yield* take(0, Math.min(windowBytes, fileBytes));
  if (!head.includes('%PDF-')) throw corrupt('The PDF has no header.');
  const start = Math.max(0, fileBytes - tailBytes);
  const tail = yield* take(start, fileBytes - start);
  let end = tail.length;
  while (end > 0 && padding.has(tail[end - 1])) end--;
  if (!tail.subarray(Math.max(0, end - windowBytes), end).includes('%%EOF')) {
    throw corrupt('The PDF is truncated: it has no %%EOF.');
  }
  return undefined;
}
