import { corrupt, take, type Walk } from './walk.ts';

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const pngStart = '89504e470d0a1a0a0000000d49484452';

export function* walkPng(): Walk<Size> {
  const header = yield* take(0, 24);
  if (header.toString('hex', 0, 16) !== pngStart) throw corrupt('The PNG has no header.');
  return whole({ width: header.readUInt32BE(16), height: header.readUInt32BE(20) });
}

export function* walkGif(): Walk<Size> {
  const header = yield* take(0, 10);
  if (!/^GIF8[79]a$/.test(header.toString('latin1', 0, 6))) throw corrupt('The GIF has no header.');
  return { width: header.readUInt16LE(6), height: header.readUInt16LE(8) };
}

export function* walkBmp(): Walk<Size> {
  const header = yield* take(0, 26);
  if (header.toString('latin1', 0, 2) !== 'BM') throw corrupt('The BMP has no header.');
  if (header.readUInt32LE(14) === 12) return whole({ width: header.readUInt16LE(18), height: header.readUInt16LE(20) });
  // A negative height tells that rows go from top to bottom.
  return whole({ width: header.readInt32LE(18), height: Math.abs(header.readInt32LE(22)) });
}

function whole(size: Size): Size {
  if (size.width <= 0 || size.height <= 0) throw corrupt('The picture has no pixels.');
  return size;
}
