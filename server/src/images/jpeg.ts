import { isSideways, tiffTag, walkTiff } from './exif.ts';
import { corrupt, take, type Walk } from './walk.ts';

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** Where the frame header ends. */
  readonly end: number;
}

const maxGarbageBytes = 4096;

/** Walks the segments up to the frame header. Pixels as shown: turned as Exif says. */
export function* walkJpeg(): Walk<JpegHeader> {
  if ((yield* take(0, 2)).readUInt16BE(0) !== 0xffd8) throw corrupt('The JPEG does not begin with SOI.');
  let orientation: number | undefined;
  let at = 2;
  let garbage = 0;
  for (;;) {
    const [first, marker = 0] = yield* take(at, 2);
    if (first !== 0xff || marker === 0xff || marker === 0) {
      // Decoders skip fill bytes, and garbage between segments.
      if (++garbage > maxGarbageBytes) break;
      at++;
      continue;
    }
    at += 2;
    if (isBare(marker)) continue;
    if (marker === 0xd9 || marker === 0xda) break;
    const length = (yield* take(at, 2)).readUInt16BE(0);
    if (length < 2) break;
    if (isFrame(marker)) {
      const frame = yield* take(at + 3, 4);
      const size = { width: frame.readUInt16BE(2), height: frame.readUInt16BE(0) };
      return { ...(isSideways(orientation) ? { width: size.height, height: size.width } : size), end: at + length };
    }
    if (marker === 0xe1 && orientation === undefined) orientation = yield* walkExif(at + 2, at + length);
    at += length;
  }
  throw corrupt('The JPEG has no frame header.');
}

function isBare(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

// SOF0 to SOF15, without DHT, JPG and DAC, which lie between.
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function* walkExif(start: number, end: number): Walk<number | undefined> {
  if (start + 14 > end) return undefined;
  if ((yield* take(start, 6)).toString('latin1') !== 'Exif\0\0') return undefined;
  return (yield* walkTiff(start + 6, end)).get(tiffTag.orientation);
}
