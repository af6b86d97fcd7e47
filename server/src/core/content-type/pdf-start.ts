/**
 * Readers look for the header anywhere in the first KiB, lenient ones further. This is the furthest
 * that Stowage looks.
 */
const maxJunkBytes = 64 * 1024;
const header = /%PDF-\d|%!PS-Adobe-\d\.\d PDF-\d/;

/**
 * Offset of a PDF's header, behind anything that mail programs, printers and scripts write in front
 * of it. Undefined when there is none.
 */
export function pdfStart(head: Uint8Array): number | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, maxJunkBytes));
  if (!bytes.includes('PDF-')) {
    return undefined;
  }
  const start = bytes.toString('latin1').search(header);
  return start < 0 ? undefined : start;
}
