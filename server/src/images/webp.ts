import { type Caps, type Size, tooManyFrames } from './caps.ts';
import { corrupt, take, takeIfThere, type Walk } from './walk.ts';

interface Header {
  readonly size: Size;
  /** Length of the file as its header states it. */
  readonly bytes: number;
  readonly animated: boolean;
}

const maxWalkBytes = 1024 * 1024;
const maxLargeFrames = 16;
const largeFrameBytes = 4096;

/** The size of the canvas. Browsers ignore Exif in WebP. */
export function* walkWebp(): Walk<Size> {
  return (yield* walkHeader()).size;
}

/** Checks the length, and counts frames while they are small and many. */
export function* walkWholeWebp(fileBytes: number, caps: Caps): Walk<Size> {
  const { size, bytes, animated } = yield* walkHeader();
  // Some encoders omit the padding of the last chunk.
  if (bytes > fileBytes + 1) {
    throw corrupt('The WebP is truncated.');
  }
  if (animated) {
    yield* countFrames(caps);
  }
  return size;
}

function* walkHeader(): Walk<Header> {
  const header = yield* takeHeader();
  if (header.toString('latin1', 0, 4) !== 'RIFF' || header.toString('latin1', 8, 12) !== 'WEBP') {
    throw corrupt('The WebP has no header.');
  }
  const bytes = header.readUInt32LE(4) + 8;
  const chunk = header.toString('latin1', 12, 16);
  const animated = chunk === 'VP8X' && (header.readUInt8(20) & 0x02) !== 0;
  return { size: sizeOf(chunk, header), bytes, animated };
}

/** A picture of one pixel has 26 bytes. */
function* takeHeader(): Walk<Buffer> {
  const whole = yield* takeIfThere(0, 30);
  return whole ?? Buffer.concat([yield* take(0, 26)], 30);
}

function sizeOf(chunk: string, header: Buffer): Size {
  if (chunk === 'VP8X') {
    return { width: header.readUIntLE(24, 3) + 1, height: header.readUIntLE(27, 3) + 1 };
  }
  if (chunk === 'VP8L' && header[20] === 0x2f) {
    const bits = header.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (chunk === 'VP8 ' && header.readUIntBE(23, 3) === 0x9d012a) {
    return { width: header.readUInt16LE(26) & 0x3fff, height: header.readUInt16LE(28) & 0x3fff };
  }
  throw corrupt('The WebP holds no picture.');
}

function* countFrames(caps: Caps): Walk<void> {
  let frames = 0;
  let large = 0;
  let at = 30;
  while (at < maxWalkBytes && large < maxLargeFrames) {
    const header = yield* takeIfThere(at, 8);
    if (header === undefined) {
      return;
    }
    const bytes = header.readUInt32LE(4);
    if (bytes > largeFrameBytes) {
      large++;
    }
    if (header.toString('latin1', 0, 4) === 'ANMF' && ++frames > caps.maxFrames) {
      throw tooManyFrames(caps);
    }
    at += 8 + bytes + (bytes % 2);
  }
}
