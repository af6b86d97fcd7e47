import { type Caps, checkPixels, type Size, tooManyFrames } from './caps.ts';
import { asShown, walkExif } from './tiff.ts';
import { corrupt, take, takeIfThere, type Walk } from './walk.ts';

const signature = '89504e470d0a1a0a';
const trailer = Buffer.from('IEND\xae\x42\x60\x82', 'latin1');
const maxChunks = 64;
const nearEndBytes = 4 * 1024;
const tailBytes = 64 * 1024;
const windowBytes = 256 * 1024;
const maxWalkedChunks = 10_000;
const maxWalkBytes = 6 * 1024 * 1024;

/** The size as shown, rotated by the Exif chunk as in browsers. */
export function* walkPng(caps?: Caps): Walk<Size> {
  const start = yield* headerStart();
  const header = yield* take(start, 16);
  if (header.toString('latin1', 4, 8) !== 'IHDR') {
    throw corrupt('The PNG has no header.');
  }
  const size = { width: header.readUInt32BE(8), height: header.readUInt32BE(12) };
  if (size.width === 0 || size.height === 0) {
    throw corrupt('The PNG has no pixels.');
  }
  return asShown(size, yield* walkChunks(start + 25, caps));
}

/** Pictures of iPhone apps begin with a chunk of their own. */
function* headerStart(): Walk<number> {
  const start = yield* take(0, 16);
  if (start.toString('hex', 0, 8) !== signature) {
    throw corrupt('The PNG has no header.');
  }
  return start.toString('latin1', 12, 16) === 'CgBI' ? 20 + start.readUInt32BE(8) : 8;
}

/**
 * Checks the end as well: IEND, then anything that tools append or leave there when they shorten a
 * file.
 */
export function* walkWholePng(fileBytes: number, caps: Caps): Walk<Size> {
  const size = yield* walkPng(caps);
  checkPixels(size, caps);
  for (const bytes of [nearEndBytes, tailBytes]) {
    const start = Math.max(0, fileBytes - bytes);
    if ((yield* take(start, fileBytes - start)).includes(trailer)) {
      return size;
    }
  }
  if (yield* endsEarlier(fileBytes)) {
    return size;
  }
  throw corrupt('The PNG is truncated: it has no IEND.');
}

function* endsEarlier(fileBytes: number): Walk<boolean> {
  let at = 8;
  let readTo = 0;
  for (let chunk = 0; chunk < maxWalkedChunks && at < maxWalkBytes; chunk++) {
    if (at + 12 > fileBytes) {
      return false;
    }
    if (at + 8 > readTo) {
      readTo = Math.min(fileBytes, at + windowBytes);
      yield* take(at, readTo - at);
    }
    const header = yield* take(at, 8);
    if (header.toString('latin1', 4, 8) === 'IEND') {
      return true;
    }
    at += 12 + header.readUInt32BE(0);
  }
  return false;
}

/** The chunks before the picture. Inflates nothing. */
function* walkChunks(start: number, caps: Caps | undefined): Walk<number | undefined> {
  let at = start;
  for (let chunk = 0; chunk < maxChunks; chunk++) {
    const header = yield* takeIfThere(at, 12);
    if (header === undefined) {
      return undefined;
    }
    const type = header.toString('latin1', 4, 8);
    const end = at + 8 + header.readUInt32BE(0);
    if (type === 'IDAT' || type === 'IEND') {
      return undefined;
    }
    if (type === 'eXIf') {
      return yield* walkExif(at + 8, end);
    }
    if (type === 'acTL' && caps !== undefined && header.readUInt32BE(8) > caps.maxFrames) {
      throw tooManyFrames(caps);
    }
    at = end + 4;
  }
  return undefined;
}
