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
  const queue: (() => void)[] = [];
  const longestMs = Math.max(0, ...windows.map(({ lengthMs }) => lengthMs));
  let given: Turn[] = [];
  let pausedUntil = 0;
  let timer: NodeJS.Timeout | undefined;

  const nextAt = (): number =>
    Math.max(pausedUntil, ...windows.map((window) => freeAt(window, given)));

  const serve = (): void => {
    clearTimeout(timer);
    while (queue.length > 0) {
      const waitMs = nextAt() - now();
      if (waitMs > 0) {
        if (Number.isFinite(waitMs)) {
          timer = setTimeout(serve, Math.ceil(waitMs));
        }
        return;
      }
      queue.shift()?.();
    }
  };

  const start = (): (() => void) => {
    const turn: Turn = { startAt: now(), endAt: Number.POSITIVE_INFINITY };
    given = given.filter(({ endAt }) => endAt > turn.startAt - longestMs);
    given.push(turn);
    return () => {
      turn.endAt = Math.min(turn.endAt, now());
      serve();
    };
  };

  const take = async (signal: AbortSignal): Promise<() => void> => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const go = (): void => resolve(start());
    const abort = (): void => {
      const at = queue.indexOf(go);
      if (at >= 0) {
        queue.splice(at, 1);
      }
      if (queue.length === 0) {
        clearTimeout(timer);
      }
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    queue.push(go);
    serve();
    return promise.finally(() => signal.removeEventListener('abort', abort));
  };

  return {
    take,
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, now() + ms);
    },
    waitMs: () => {
      const slowest = Math.max(0, ...windows.map(({ count, lengthMs }) => lengthMs / count));
      const next = nextAt();
      return (
        Math.max(0, (Number.isFinite(next) ? next : now() + longestMs) - now()) +
        queue.length * slowest
      );
    },
  };
}

/** When one more turn fits into the window: Infinity while that hangs on a turn that lasts. */
function freeAt({ count, lengthMs, from }: Window, given: readonly Turn[]): number {
  if (given.length < count) {
    return 0;
  }
  const times = given
    .map(({ startAt, endAt }) => (from === 'start' ? startAt : endAt))
    .sort((a, b) => a - b);
  return (times.at(-count) ?? 0) + lengthMs;
}
