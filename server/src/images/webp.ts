import type { Size } from './simple-headers.ts';
import { corrupt, take, type Walk } from './walk.ts';

export interface WebpHeader extends Size {
  /** What the file must hold at least. */
  readonly bytes: number;
  readonly animated: boolean;
}

export function* walkWebp(): Walk<WebpHeader> {
  const header = yield* take(0, 30);
  if (header.toString('latin1', 0, 4) !== 'RIFF' || header.toString('latin1', 8, 12) !== 'WEBP') {
    throw corrupt('The WebP has no header.');
  }
  const bytes = header.readUInt32LE(4) + 8;
  const chunk = header.toString('latin1', 12, 16);
  if (chunk === 'VP8X') {
    const animated = ((header[20] ?? 0) & 0x02) !== 0;
    return { width: header.readUIntLE(24, 3) + 1, height: header.readUIntLE(27, 3) + 1, bytes, animated };
  }
  if (chunk === 'VP8L' && header[20] === 0x2f) {
    const bits = header.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, bytes, animated: false };
  }
  if (chunk === 'VP8 ' && header.readUIntBE(23, 3) === 0x9d012a) {
    return { width: header.readUInt16LE(26) & 0x3fff, height: header.readUInt16LE(28) & 0x3fff, bytes, animated: false };
  }
  throw corrupt('The WebP holds no picture.');
}
