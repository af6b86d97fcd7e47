import type { RandomAccess } from '../prober.ts';

const headBytes = 32 * 1024;
const tailBytes = 4 * 1024;

// Markup that no camera, editor or messenger writes: XMP, Exif and the videos behind pictures
// contain none of it.
const page = /<(?:!doctype\s+html|html|head|body|script|iframe)(?=[\s>/])/i;
const drawing = /<svg(?=[\s>/])/i;

/**
 * The second type that a picture can pass for: `text/html` or `image/svg+xml` when such markup is
 * in its comments or behind its end (Media API 4). Undefined for a plain picture.
 */
export async function secondType(content: RandomAccess): Promise<string | undefined> {
  const tailAt = Math.max(headBytes, content.size - tailBytes);
  const ends = await Promise.all([content.read(0, headBytes), content.read(tailAt, content.size)]);
  const texts = ends.map((bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'),
  );
  if (texts.some((text) => page.test(text))) {
    return 'text/html';
  }
  return texts.some((text) => drawing.test(text)) ? 'image/svg+xml' : undefined;
}
