import { fail, type StowageError } from '../core/errors.ts';

/** How much work a picture may cost its decoder. */
export interface Caps {
  readonly maxPixels: number;
  readonly maxFrames: number;
}

/** Phones take pictures of 200 million pixels. sharp decodes no more than this. */
const maxPixels = 0x3fff * 0x3fff;

export const defaultCaps: Caps = { maxPixels, maxFrames: 5_000 };

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Throws `unprocessable` when a picture is larger than the caps. */
export function checkPixels({ width, height }: Size, { maxPixels }: Caps): void {
  if (width * height <= maxPixels) {
    return;
  }
  throw fail('unprocessable', {
    message: `The picture has too many pixels (${width} x ${height}).`,
    details: { width, height, maxPixels },
  });
}

export function tooManyFrames({ maxFrames }: Caps): StowageError {
  return fail('unprocessable', {
    message: `The picture has more than ${maxFrames} frames.`,
    details: { maxFrames },
  });
}

export function turned({ width, height }: Size): Size {
  return { width: height, height: width };
}
