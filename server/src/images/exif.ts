import { take, type Walk } from './walk.ts';

/** The tags of the first directory of a TIFF (an Exif block is one), of which each has one whole number as its value. */
export type TiffTags = ReadonlyMap<number, number>;

export const tiffTag = { width: 0x100, height: 0x101, orientation: 0x112 } as const;

const maxEntries = 512;
const noTags: TiffTags = new Map();

/** No tags when the directory is broken or leaves `end`. */
export function* walkTiff(start: number, end: number): Walk<TiffTags> {
  if (start + 8 > end) return noTags;
  const header = yield* take(start, 8);
  const little = header.readUInt16BE(0) === 0x4949;
  if (!little && header.readUInt16BE(0) !== 0x4d4d) return noTags;
  const u16 = (bytes: Buffer, at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (bytes: Buffer, at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if (u16(header, 2) !== 42) return noTags;
  const directory = start + u32(header, 4);
  if (directory + 2 > end) return noTags;
  const count = u16(yield* take(directory, 2), 0);
  if (count > maxEntries || directory + 2 + 12 * count > end) return noTags;
  const entries = yield* take(directory + 2, 12 * count);
  const tags = new Map<number, number>();
  for (let at = 0; at < entries.length; at += 12) {
    const type = u16(entries, at + 2);
    if (u32(entries, at + 4) === 1 && (type === 3 || type === 4)) {
      tags.set(u16(entries, at), type === 3 ? u16(entries, at + 8) : u32(entries, at + 8));
    }
  }
  return tags;
}

/** Orientations 5 to 8 lie on their side. */
export function isSideways(orientation: number | undefined): boolean {
  return orientation !== undefined && orientation >= 5 && orientation <= 8;
}
