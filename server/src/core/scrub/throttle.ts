import { wait } from '../guard/wait.ts';

/** Limits the average number of bytes per second. */
export interface Throttle {
  /** Waits until these bytes are due. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/** Shorter waits are accumulated. */
const leastWaitMs = 20;

export function createThrottle(bytesPerSecond: number): Throttle {
  let dueAt = 0;
  return {
    async take(bytes, signal) {
      dueAt = Math.max(dueAt, performance.now()) + (bytes / bytesPerSecond) * 1000;
      const waitMs = dueAt - performance.now();
      if (waitMs > leastWaitMs) {
        await wait(waitMs, signal);
      }
    },
  };
}

export const noThrottle: Throttle = { take: async (_, signal) => signal.throwIfAborted() };
