import { type Size, turned } from './caps.ts';
import { take, type Walk } from './walk.ts';

/**
 * The tags of a TIFF's first directory (an Exif block is one) that have one whole number as their
 * value.
 */
type TiffTags = ReadonlyMap<number, number>;

const tag = { width: 0x100, height: 0x101, orientation: 0x112 } as const;
const maxEntries = 512;
const noTags: TiffTags = new Map();

/** Undefined for kinds whose directory is not supported. */
export function* walkTiff(end: number): Walk<Size | undefined> {
  const tags = yield* walkDirectory(0, end);
  const width = tags.get(tag.width);
  const height = tags.get(tag.height);
  return width === undefined || height === undefined
    ? undefined
    : asShown({ width, height }, tags.get(tag.orientation));
}

/** The orientation, 1 to 8, in the Exif block from `start` to `end`. */
export function* walkExif(start: number, end: number): Walk<number | undefined> {
  return (yield* walkDirectory(start, end)).get(tag.orientation);
}

/** Orientations 5 to 8 swap width and height. */
export function asShown(size: Size, orientation: number | undefined): Size {
  return orientation !== undefined && orientation >= 5 && orientation <= 8 ? turned(size) : size;
}

// No tags when the directory is broken or exceeds `end`: a bad Exif block must not fail a picture.
function* walkDirectory(start: number, end: number): Walk<TiffTags> {
  if (start + 8 > end) {
    return noTags;
  }
  const header = yield* take(start, 8);
  const little = header.readUInt16BE(0) === 0x4949;
  if (!little && header.readUInt16BE(0) !== 0x4d4d) {
    return noTags;
  }
  const { u16, u32 } = little ? littleEndian : bigEndian;
  if (u16(header, 2) !== 42) {
    return noTags;
  }
  const directory = start + u32(header, 4);
  if (directory + 2 > end) {
    return noTags;
  }
  const count = u16(yield* take(directory, 2), 0);
  if (count > maxEntries || directory + 2 + 12 * count > end) {
    return noTags;
  }
  const entries = yield* take(directory + 2, 12 * count);
  const tags = new Map<number, number>();
  for (let at = 0; at < entries.length; at += 12) {
    const type = u16(entries, at + 2);
    if (u32(entries, at + 4) !== 1 || (type !== 3 && type !== 4)) {
      continue;
    }
    tags.set(u16(entries, at), type === 3 ? u16(entries, at + 8) : u32(entries, at + 8));
  }
  return tags;
}

const littleEndian = {
  u16: (bytes: Buffer, at: number) => bytes.readUInt16LE(at),
  u32: (bytes: Buffer, at: number) => bytes.readUInt32LE(at),
};

const bigEndian = {
  u16: (bytes: Buffer, at: number) => bytes.readUInt16BE(at),
  u32: (bytes: Buffer, at: number) => bytes.readUInt32BE(at),
};
