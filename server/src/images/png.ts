import { type Caps, checkPixels, type Size, tooManyFrames } from './caps.ts';
import { asShown, walkExif } from './tiff.ts';
import { corrupt, take, takeIfThere, type Walk } from './walk.ts';

const signature = '89504e470d0a1a0a0000000d49484452';
const trailer = Buffer.from('IEND\xae\x42\x60\x82', 'latin1');
const maxChunks = 64;
const nearEndBytes = 4 * 1024;
const tailBytes = 64 * 1024;

/** The size as shown: turned as the Exif chunk says, as browsers do. */
export function* walkPng(caps?: Caps): Walk<Size> {
  const header = yield* take(0, 24);
  if (header.toString('hex', 0, 16) !== signature) throw corrupt('The PNG has no header.');
  const size = { width: header.readUInt32BE(16), height: header.readUInt32BE(20) };
  if (size.width === 0 || size.height === 0) throw corrupt('The PNG has no pixels.');
  return asShown(size, yield* walkChunks(caps));
}

/** Checks the end as well: IEND, then what tools append. */
export function* walkWholePng(fileBytes: number, caps: Caps): Walk<Size> {
  const size = yield* walkPng(caps);
  checkPixels(size, caps);
  for (const bytes of [nearEndBytes, tailBytes]) {
    const start = Math.max(0, fileBytes - bytes);
    if ((yield* take(start, fileBytes - start)).includes(trailer)) return size;
  }
  throw corrupt('The PNG is truncated: it has no IEND.');
}

/** The chunks before the picture; nothing is inflated. */
function* walkChunks(caps: Caps | undefined): Walk<number | undefined> {
  let at = 33;
  for (let chunk = 0; chunk < maxChunks; chunk++) {
    const header = yield* takeIfThere(at, 12);
    if (header === undefined) return undefined;
    const type = header.toString('latin1', 4, 8);
    const end = at + 8 + header.readUInt32BE(0);
    if (type === 'IDAT' || type === 'IEND') return undefined;
    if (type === 'eXIf') return yield* walkExif(at + 8, end);
    if (type === 'acTL' && caps !== undefined && header.readUInt32BE(8) > caps.maxFrames) throw tooManyFrames(caps);
    at = end + 4;
  }
  return undefined;
}
