import { fail } from '../core/errors.ts';

/** What a picture may ask of whoever decodes it. */
export interface Caps {
  readonly maxPixels: number;
  /** The longest side. */
  readonly maxSidePixels: number;
  readonly maxFrames: number;
}

export const defaultCaps: Caps = { maxPixels: 100_000_000, maxSidePixels: 65_535, maxFrames: 5_000 };

/** Throws `unprocessable` when a picture is larger than the caps. */
export function checkPixels(width: number, height: number, { maxPixels, maxSidePixels }: Caps): void {
  if (width * height <= maxPixels && Math.max(width, height) <= maxSidePixels) return;
  throw fail('unprocessable', {
    message: `The picture has too many pixels (${width} x ${height}).`,
    details: { width, height, max_pixels: maxPixels, max_side_pixels: maxSidePixels },
  });
}

export function tooManyFrames(maxFrames: number) {
  return fail('unprocessable', { message: `The picture has more than ${maxFrames} frames.`, details: { max_frames: maxFrames } });
}
