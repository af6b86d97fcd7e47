import { type Caps, type Size, tooManyFrames } from './caps.ts';
import { corrupt, take, takeIfThere, type Walk } from './walk.ts';

const maxWalkBytes = 1024 * 1024;
const leastWalkBytes = 8 * 1024;
/** Frames of this average size are counted. */
const smallFrameBytes = 2048;
const tailBytes = 1024;
const farBytes = 6 * 1024 * 1024;

export function* walkGif(): Walk<Size> {
  const header = yield* take(0, 10);
  if (!/^GIF8[79]a$/.test(header.toString('latin1', 0, 6))) {
    throw corrupt('The GIF has no header.');
  }
  return { width: header.readUInt16LE(6), height: header.readUInt16LE(8) };
}

/** Counts frames while they are small and many, and checks the end. */
export function* walkWholeGif(fileBytes: number, caps: Caps): Walk<Size> {
  const size = yield* walkGif();
  const start = 13 + tableBytes((yield* take(10, 3))[0]);
  if (start > fileBytes) {
    throw corrupt('The GIF is truncated.');
  }
  if (yield* reachesEnd(start, caps, walkBytes)) {
    return size;
  }
  if (yield* hasEnd(fileBytes)) {
    return size;
  }
  // A large block follows.
  if (yield* reachesEnd(start, caps, () => farBytes)) {
    return size;
  }
  throw corrupt('The GIF is truncated.');
}

/** Follows the blocks as far as `reach` allows for the number of frames so far. */
function* reachesEnd(start: number, caps: Caps, reach: (frames: number) => number): Walk<boolean> {
  let at = start;
  let frames = 0;
  while (at < start + reach(frames)) {
    const block = (yield* takeIfThere(at, 1))?.[0];
    if (block === 0x3b) {
      return true;
    }
    if (block === 0x21) {
      at = yield* skipSubBlocks(at + 2, start + reach(frames));
    } else if (block === 0x2c) {
      if (++frames > caps.maxFrames) {
        throw tooManyFrames(caps);
      }
      const flags = (yield* takeIfThere(at + 9, 1))?.[0];
      at = yield* skipSubBlocks(at + 11 + tableBytes(flags), start + reach(frames));
    } else {
      break;
    }
  }
  return false;
}

/** How far to read after so many frames. */
function walkBytes(frames: number): number {
  return Math.min(maxWalkBytes, Math.max(leastWalkBytes, frames * smallFrameBytes));
}

function tableBytes(flags = 0): number {
  return flags & 0x80 ? 3 << ((flags & 0x07) + 1) : 0;
}

/** Stops at `until`, within a large frame. */
function* skipSubBlocks(start: number, until: number): Walk<number> {
  let at = start;
  while (at < until) {
    const bytes = (yield* takeIfThere(at, 1))?.[0];
    if (bytes === undefined) {
      return until;
    }
    at += 1 + bytes;
    if (bytes === 0) {
      break;
    }
  }
  return at;
}

/**
 * Some encoders omit the trailer, and some tools append to it. So the file must end with a closed
 * block, or have a trailer after one.
 */
function* hasEnd(fileBytes: number): Walk<boolean> {
  const start = Math.max(0, fileBytes - tailBytes);
  const tail = yield* take(start, fileBytes - start);
  return tail.at(-1) === 0 || tail.includes(endOfFrames);
}

const endOfFrames = Buffer.of(0x00, 0x3b);
