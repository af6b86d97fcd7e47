import { isStowageError } from '../core/errors.ts';
import { type MediaFacts, noFacts, type Prober } from '../core/probe.ts';
import { type Caps, checkPixels, defaultCaps } from './caps.ts';
import { walkJpeg } from './jpeg.ts';
import { type Size, walkBmp, walkGif, walkPng } from './simple-headers.ts';
import { type Walk, walkHead } from './walk.ts';
import { walkWebp } from './webp.ts';

const walks: Readonly<Record<string, () => Walk<Size>>> = {
  'image/jpeg': walkJpeg,
  'image/png': walkPng,
  'image/gif': walkGif,
  'image/webp': walkWebp,
  'image/bmp': walkBmp,
};

export function createProber(caps: Caps = defaultCaps): Prober {
  return {
    async inspect(content, contentType) {
      const walk = walks[contentType];
      if (walk === undefined) return noFacts;
      const size = walkHead(walk(), await content.read(0, 65_536));
      if (size === undefined) return noFacts;
      checkPixels(size.width, size.height, caps);
      return factsOf(size);
    },
    fromHead(head, contentType) {
      const walk = walks[contentType];
      if (walk === undefined) return noFacts;
      try {
        const size = walkHead(walk(), head);
        return size === undefined ? noFacts : factsOf(size);
      } catch (error) {
        if (isStowageError(error)) return noFacts;
        throw error;
      }
    },
  };
}

function factsOf({ width, height }: Size): MediaFacts {
  return { width: width || null, height: height || null, durationSeconds: null };
}
