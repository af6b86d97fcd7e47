import type { Size } from './caps.ts';
import { corrupt, take, type Walk } from './walk.ts';

export function* walkBmp(): Walk<Size> {
  const header = yield* take(0, 26);
  if (header.toString('latin1', 0, 2) !== 'BM') {
    throw corrupt('The BMP has no header.');
  }
  if (header.readUInt32LE(14) === 12) {
    return { width: header.readUInt16LE(18), height: header.readUInt16LE(20) };
  }
  // A negative height means rows from top to bottom.
  return { width: Math.max(0, header.readInt32LE(18)), height: Math.abs(header.readInt32LE(22)) };
}
