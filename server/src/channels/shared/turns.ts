/** A fair queue in front of a remote that counts: turns are given in the order they were asked for, never more often than the windows allow. */
export interface Turns {
  /** Resolves when it is the caller's turn; an abort rejects at once and gives the place up. */
  take(signal: AbortSignal): Promise<void>;
  /** Nobody gets a turn for that long: the remote asked for it. */
  pause(ms: number): void;
  /** How long a newcomer would wait about, in milliseconds. */
  waitMs(): number;
}

export interface Window {
  /** Most turns in any stretch of `lengthMs`. */
  readonly count: number;
  readonly lengthMs: number;
}

interface Waiter {
  readonly resolve: () => void;
}

// A remote measures arrivals, we measure departures: the margin absorbs what the network shifts
const marginMs = 5;

export function createTurns(windows: readonly Window[], now: () => number = () => performance.now()): Turns {
  const queue: Waiter[] = [];
  const given: number[] = [];
  const longest = Math.max(0, ...windows.map((window) => window.count));
  let pausedUntil = 0;
  let timer: NodeJS.Timeout | undefined;

  const nextAt = (): number =>
    Math.max(pausedUntil, ...windows.map(({ count, lengthMs }) => (given.at(-count) ?? -Infinity) + lengthMs + marginMs));

  const serve = (): void => {
    clearTimeout(timer);
    timer = undefined;
    while (queue.length > 0) {
      const waitMs = nextAt() - now();
      if (waitMs > 0) {
        timer = setTimeout(serve, Math.ceil(waitMs));
        return;
      }
      given.push(now());
      if (given.length > longest) given.shift();
      queue.shift()?.resolve();
    }
  };

  const leave = (waiter: Waiter): void => {
    const at = queue.indexOf(waiter);
    if (at >= 0) queue.splice(at, 1);
    if (queue.length === 0) clearTimeout(timer);
  };

  const take = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { resolve };
    const abort = (): void => {
      leave(waiter);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    queue.push(waiter);
    if (timer === undefined || queue.length === 1) serve();
    await promise.finally(() => signal.removeEventListener('abort', abort));
  };

  return {
    take,
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, now() + ms);
    },
    waitMs: () => {
      const slowest = Math.max(0, ...windows.map(({ count, lengthMs }) => lengthMs / count));
      return Math.max(0, nextAt() - now()) + queue.length * slowest;
    },
  };
}
