import { type Box, childrenOf, find, nextBox, payload, prefetch } from './boxes.ts';
import { type Size, turned } from './caps.ts';
import { walkMovie } from './mp4-movie.ts';
import { corrupt, take, type Walk } from './walk.ts';

const maxTopBoxes = 256;

/**
 * HEIC, HEIF, AVIF: the size of the primary item, cropped and rotated by its properties (Exif does
 * not count here).
 */
export function* walkHeif(): Walk<Size> {
  return yield* walkPicture(yield* findPicture(Number.POSITIVE_INFINITY));
}

/** Checks that no box exceeds the file. */
export function* walkWholeHeif(fileBytes: number): Walk<Size> {
  const picture = yield* findPicture(fileBytes);
  if (picture.end > fileBytes) {
    throw corrupt('The file is truncated.');
  }
  yield* prefetch(picture);
  const size = yield* walkPicture(picture);
  let at = picture.end;
  for (let count = 0; count < maxTopBoxes; count++) {
    const box = yield* nextBox(at, fileBytes);
    if (box === undefined) {
      break;
    }
    if (box.end > fileBytes && box.type === 'mdat') {
      throw corrupt('The file is truncated.');
    }
    at = box.end;
  }
  return size;
}

const openings: ReadonlySet<string> = new Set(['ftyp', 'free', 'skip', 'wide', 'uuid']);

/** Sequences may have a movie instead of a still picture. */
function* findPicture(end: number): Walk<Box> {
  let at = 0;
  for (let count = 0; count < maxTopBoxes; count++) {
    const box = yield* nextBox(at, end);
    if (box === undefined || (count === 0 && !openings.has(box.type))) {
      break;
    }
    if (box.type === 'meta' || box.type === 'moov') {
      return box;
    }
    at = box.end;
  }
  throw corrupt('The file has no picture: it has no meta box.');
}

function* walkPicture(box: Box): Walk<Size> {
  const size = box.type === 'moov' ? (yield* walkMovie(box)).size : yield* walkMeta(box);
  if (size === null) {
    throw corrupt('The picture has no size.');
  }
  return size;
}

function* walkMeta(meta: Box): Walk<Size> {
  const boxes = yield* childrenOf(meta, 4);
  const properties = find(boxes, 'iprp');
  if (properties === undefined) {
    throw corrupt('The picture has no properties.');
  }
  const parts = yield* childrenOf(properties);
  const container = find(parts, 'ipco');
  const all = container === undefined ? [] : yield* childrenOf(container);
  const item = yield* primaryItem(find(boxes, 'pitm'));
  for (const association of parts.filter((box) => box.type === 'ipma')) {
    const indexes = yield* propertiesOf(item, association);
    if (indexes !== undefined) {
      return yield* applyProperties(indexes.flatMap((index) => all[index - 1] ?? []));
    }
  }
  throw corrupt('The picture has no properties.');
}

function* primaryItem(box: Box | undefined): Walk<number> {
  if (box === undefined) {
    throw corrupt('The file has no primary picture.');
  }
  const [version] = yield* take(box.start, 1);
  return version === 0
    ? (yield* take(box.start + 4, 2)).readUInt16BE(0)
    : (yield* take(box.start + 4, 4)).readUInt32BE(0);
}

/** The indexes, from 1, of an item's properties. */
function* propertiesOf(item: number, { start, end }: Box): Walk<readonly number[] | undefined> {
  const header = yield* take(start, 8);
  const idBytes = header[0] === 0 ? 2 : 4;
  const indexBytes = (header.readUInt8(3) & 1) === 0 ? 1 : 2;
  let at = start + 8;
  for (let left = header.readUInt32BE(4); left > 0 && at + idBytes < end; left--) {
    const entry = yield* take(at, idBytes + 1);
    const count = entry.readUInt8(idBytes);
    at += idBytes + 1;
    if (entry.readUIntBE(0, idBytes) === item) {
      const indexes = yield* take(at, count * indexBytes);
      // The highest bit means that the property is essential.
      return Array.from({ length: count }, (_, index) =>
        indexBytes === 1
          ? indexes.readUInt8(index) & 0x7f
          : indexes.readUInt16BE(2 * index) & 0x7fff,
      );
    }
    at += count * indexBytes;
  }
  return undefined;
}

function* applyProperties(properties: readonly Box[]): Walk<Size> {
  let size: Size | undefined;
  for (const box of properties) {
    if (box.type === 'ispe') {
      const bytes = yield* payload(box, 12);
      if (bytes !== undefined) {
        size ??= { width: bytes.readUInt32BE(4), height: bytes.readUInt32BE(8) };
      }
    } else if (size !== undefined && box.type === 'clap') {
      size = cropped(size, yield* payload(box, 16));
    } else if (size !== undefined && box.type === 'irot') {
      // Steps of 90 degrees
      const turns = (yield* payload(box, 1))?.readUInt8(0) ?? 0;
      if (turns % 2 === 1) {
        size = turned(size);
      }
    }
  }
  if (size === undefined || size.width === 0 || size.height === 0) {
    throw corrupt('The picture has no size.');
  }
  return size;
}

/** Width and height of the clean aperture are fractions. */
function cropped(size: Size, bytes: Buffer | undefined): Size {
  if (bytes === undefined) {
    return size;
  }
  const width = Math.round(bytes.readUInt32BE(0) / bytes.readUInt32BE(4));
  const height = Math.round(bytes.readUInt32BE(8) / bytes.readUInt32BE(12));
  return width > 0 && height > 0 && width <= size.width && height <= size.height
    ? { width, height }
    : size;
}
