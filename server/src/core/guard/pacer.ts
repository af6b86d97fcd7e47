import { minuteMs } from '../clock.ts';
import { wait } from './wait.ts';

/**
 * A fair queue: `take` resolves in the order of the calls, never more often than the limits say.
 */
export interface Pacer {
  take(signal: AbortSignal): Promise<void>;
}

const unlimited: Pacer = { take: async (signal) => signal.throwIfAborted() };

/** Counts by sliding window: at most `perSecond` in any second and `perMinute` in any minute. */
export function createPacer(
  limits: { readonly perSecond?: number; readonly perMinute?: number } | undefined,
): Pacer {
  const windows = [
    { count: limits?.perSecond, lengthMs: 1000 },
    { count: limits?.perMinute, lengthMs: minuteMs },
  ].filter((window): window is { count: number; lengthMs: number } => window.count !== undefined);
  if (windows.length === 0) {
    return unlimited;
  }

  const longest = Math.max(...windows.map((window) => Math.ceil(window.count)));
  const taken: number[] = [];
  let tail: Promise<void> = Promise.resolve();

  const next = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const now = performance.now();
    const waits = windows.map(({ count, lengthMs }) => {
      const nth = taken.at(-Math.max(1, Math.floor(count)));
      return nth === undefined ? 0 : nth + Math.max(lengthMs, lengthMs / count) - now;
    });
    const waitMs = Math.max(0, ...waits);
    if (waitMs > 0) {
      await wait(waitMs, signal);
    }
    taken.push(performance.now());
    if (taken.length > longest + 1) {
      taken.shift();
    }
  };

  return {
    take(signal) {
      const turn = tail.then(() => next(signal));
      tail = turn.catch(() => undefined);
      return turn;
    },
  };
}
