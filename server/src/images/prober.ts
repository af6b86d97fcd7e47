import { type MediaFacts, noFacts, type Prober } from '../core/prober.ts';
import { type Caps, checkPixels, defaultCaps } from './caps.ts';
import { formats } from './formats.ts';
import { walkHead } from './walk.ts';
import { type Budget, defaultBudget, walkStored } from './walk-stored.ts';

export function createProber(caps: Caps = defaultCaps, budget: Budget = defaultBudget): Prober {
  return {
    async inspect(content, contentType) {
      const format = formats.get(contentType);
      if (format === undefined) {
        return noFacts;
      }
      const facts = tidy(
        await walkStored(format.whole(content.size, caps), content, format.budget ?? budget),
      );
      checkPixels({ width: facts.width ?? 0, height: facts.height ?? 0 }, caps);
      return facts;
    },

    fromHead(head, contentType) {
      const walk = formats.get(contentType)?.head?.();
      try {
        return tidy(walk === undefined ? undefined : walkHead(walk, head));
      } catch {
        // The bytes are already stored. They must not be lost because of a picture's size.
        return noFacts;
      }
    },
  };
}

/** A zero means unknown. Some formats may leave a size open. */
function tidy(facts: Partial<MediaFacts> | undefined): MediaFacts {
  if (!facts?.width || !facts.height) {
    return { ...noFacts, durationSeconds: facts?.durationSeconds ?? null };
  }
  return {
    width: facts.width,
    height: facts.height,
    durationSeconds: facts.durationSeconds ?? null,
  };
}
