import type { Size } from './caps.ts';
import { asShown, walkExif } from './tiff.ts';
import { corrupt, take, type Walk } from './walk.ts';

interface Segment {
  readonly marker: number;
  /** Start of its payload. */
  readonly start: number;
  readonly end: number;
}

const maxGarbageBytes = 4096;
const nearEndBytes = 4 * 1024;
const tailBytes = 64 * 1024;

/** The size as shown, rotated by the Exif orientation. */
export function* walkJpeg(): Walk<Size> {
  return (yield* walkHeader()).size;
}

/** Checks the end as well. */
export function* walkWholeJpeg(fileBytes: number): Walk<Size> {
  const { size, end } = yield* walkHeader();
  yield* checkEnd(end, fileBytes);
  return size;
}

function* walkHeader(): Walk<{ size: Size; end: number }> {
  if ((yield* take(0, 2)).readUInt16BE(0) !== 0xffd8) {
    throw corrupt('The JPEG does not begin with SOI.');
  }
  let orientation: number | undefined;
  let at = 2;
  for (;;) {
    const { marker, start, end } = yield* nextSegment(at);
    if (isFrame(marker)) {
      const frame = yield* take(start + 1, 4);
      return {
        size: asShown({ width: frame.readUInt16BE(2), height: frame.readUInt16BE(0) }, orientation),
        end,
      };
    }
    if (marker === 0xe1) {
      orientation ??= yield* exifOrientation(start, end);
    }
    at = end;
  }
}

function* nextSegment(from: number): Walk<Segment> {
  for (let at = from; at < from + maxGarbageBytes; at++) {
    const [first, marker = 0] = yield* take(at, 2);
    // Decoders skip fill bytes, garbage between segments and markers without payload.
    if (first !== 0xff || marker <= 0x01 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd8)) {
      continue;
    }
    // The scan (SOS) or the end (EOI) begins without a size so far
    if (marker === 0xd9 || marker === 0xda) {
      break;
    }
    const bytes = (yield* take(at + 2, 2)).readUInt16BE(0);
    if (bytes < 2) {
      break;
    }
    return { marker, start: at + 4, end: at + 2 + bytes };
  }
  throw corrupt('The JPEG has no frame header.');
}

// SOF0 to SOF15, without DHT, JPG and DAC, which lie between
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function* exifOrientation(start: number, end: number): Walk<number | undefined> {
  if (start + 6 > end || (yield* take(start, 6)).toString('latin1') !== 'Exif\0\0') {
    return undefined;
  }
  return yield* walkExif(start + 6, end);
}

/**
 * Cameras append videos, depth maps and notes after the end of the picture (EOI), more than can be
 * read through. So a file is truncated only when it is short enough to be read whole and has no
 * EOI, or when its last bytes are those of an unfinished scan.
 */
function* checkEnd(from: number, fileBytes: number): Walk<void> {
  if (from >= fileBytes) {
    throw corrupt('The JPEG is truncated.');
  }
  for (const bytes of [nearEndBytes, tailBytes]) {
    const start = Math.max(from, fileBytes - bytes);
    const tail = yield* take(start, fileBytes - start);
    if (tail.includes(endOfImage)) {
      return;
    }
    if (start === from || (bytes === tailBytes && isScan(tail))) {
      throw corrupt('The JPEG is truncated.');
    }
  }
}

const endOfImage = Buffer.of(0xff, 0xd9);
const leastProof = 4;

/**
 * In a scan, every 0xFF is followed by a zero or by one of the few markers that scans contain.
 * Other data does not keep to that for long.
 */
function isScan(bytes: Buffer): boolean {
  let stuffed = 0;
  for (
    let at = bytes.indexOf(0xff);
    at >= 0 && at < bytes.length - 1;
    at = bytes.indexOf(0xff, at + 1)
  ) {
    const next = bytes[at + 1] ?? 0;
    const isBetweenScans = next === 0xc4 || next === 0xda || next === 0xdb || next === 0xdd;
    if (next === 0 || (next >= 0xd0 && next <= 0xd7)) {
      stuffed++;
    } else if (!isBetweenScans) {
      return false;
    }
  }
  return stuffed >= leastProof;
}
