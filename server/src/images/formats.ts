import type { MediaFacts } from '../core/prober.ts';
import { walkBmp } from './bmp.ts';
import type { Caps, Size } from './caps.ts';
import { walkGif, walkWholeGif } from './gif.ts';
import { walkHeif, walkWholeHeif } from './heif.ts';
import { walkJpeg, walkWholeJpeg } from './jpeg.ts';
import { walkMp4 } from './mp4.ts';
import { walkPdf } from './pdf.ts';
import { walkPng, walkWholePng } from './png.ts';
import { walkTiff } from './tiff.ts';
import type { Walk } from './walk.ts';
import { type Budget, defaultBudget } from './walk-stored.ts';
import { walkWebp, walkWholeWebp } from './webp.ts';

/** How to read a content type. */
export interface Format {
  /** For pictures: the size, from the first bytes alone. */
  readonly head?: () => Walk<Size | undefined>;
  /** The facts of a whole file. Checks that its end is there. */
  readonly whole: (fileBytes: number, caps: Caps) => Walk<Partial<MediaFacts> | undefined>;
  /** Set where the usual budget is too small. */
  readonly budget?: Budget;
}

const heif: Format = { head: walkHeif, whole: walkWholeHeif };
const mp4: Format = { whole: walkMp4 };

export const formats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['image/jpeg', { head: walkJpeg, whole: walkWholeJpeg }],
  ['image/png', { head: walkPng, whole: walkWholePng }],
  ['image/apng', { head: walkPng, whole: walkWholePng }],
  ['image/gif', { head: walkGif, whole: walkWholeGif }],
  ['image/webp', { head: walkWebp, whole: walkWholeWebp }],
  ['image/heic', heif],
  ['image/heif', heif],
  ['image/avif', heif],
  ['image/bmp', { head: walkBmp, whole: walkBmp }],
  ['image/tiff', { head: () => walkTiff(Number.POSITIVE_INFINITY), whole: walkTiff }],
  ['video/mp4', mp4],
  ['video/quicktime', mp4],
  ['application/pdf', { whole: walkPdf, budget: { ...defaultBudget, maxBytes: 32 * 1024 * 1024 } }],
]);
