import { createPacedQueue } from './paced-queue.ts';

/**
 * A fair queue in front of a remote that counts: turns are given in the order they were asked for,
 * never more often than the windows allow.
 */
export interface Turns {
  /**
   * Resolves when it is the caller's turn, with the function that ends it. An abort rejects at once
   * and gives the place up.
   */
  take(signal: AbortSignal): Promise<() => void>;
  /** No turns for that long: the remote asked for it. */
  pause(ms: number): void;
  /** How long a newcomer would wait about, in milliseconds. */
  waitMs(): number;
}

export interface Window {
  /** Maximum number of turns in any stretch of `lengthMs`. */
  readonly count: number;
  readonly lengthMs: number;
  /**
   * What of a turn falls into the stretch. `end`: the remote counts when it has received
   * everything, which may be any moment up to the end of the turn; counting from there is always on
   * the safe side. `start` lets turns overlap.
   */
  readonly from: 'start' | 'end';
}

interface Turn {
  readonly startAt: number;
  /** Infinity while it lasts. */
  endAt: number;
}

export function createTurns(
  windows: readonly Window[],
  now: () => number = () => performance.now(),
): Turns {
  const longestMs = Math.max(0, ...windows.map(({ lengthMs }) => lengthMs));
  const slowestMs = Math.max(0, ...windows.map(({ count, lengthMs }) => lengthMs / count));
  // In the order they began.
  const given: Turn[] = [];
  let pausedUntil = 0;

  const untilNext = (): number =>
    Math.max(pausedUntil, ...windows.map((window) => freeAt(window, given))) - now();

  const begin = (): (() => void) => {
    const turn: Turn = { startAt: now(), endAt: Number.POSITIVE_INFINITY };
    while (given[0] !== undefined && given[0].endAt <= turn.startAt - longestMs) {
      given.shift();
    }
    given.push(turn);
    return () => {
      turn.endAt = Math.min(turn.endAt, now());
      queue.serve();
    };
  };

  const queue = createPacedQueue({ waitMs: untilNext, begin });

  return {
    take: queue.take,
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, now() + ms);
    },
    waitMs: () => {
      const ms = untilNext();
      return Math.max(0, Number.isFinite(ms) ? ms : longestMs) + queue.waiting * slowestMs;
    },
  };
}

/** When one more turn fits into the window: Infinity while that hangs on a turn that lasts. */
function freeAt({ count, lengthMs, from }: Window, given: readonly Turn[]): number {
  const nthLast =
    from === 'start'
      ? given.at(-count)?.startAt
      : given
          .map(({ endAt }) => endAt)
          .sort((a, b) => a - b)
          .at(-count);
  return nthLast === undefined ? 0 : nthLast + lengthMs;
}
