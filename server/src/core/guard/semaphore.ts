import { createPacedQueue } from './paced-queue.ts';

/** At most `limit` holders at once; waiters are served in order. */
export interface Semaphore {
  /**
   * Resolves with the function that gives the place back (safe to call twice). Rejects with the
   * signal's reason as soon as it aborts.
   */
  acquire(signal?: AbortSignal): Promise<() => void>;
}

export function createSemaphore(limit: number): Semaphore {
  let free = limit;
  const queue = createPacedQueue({
    waitMs: () => (free > 0 ? 0 : Number.POSITIVE_INFINITY),
    begin() {
      free--;
      let isHeld = true;
      return () => {
        if (isHeld) {
          isHeld = false;
          free++;
          queue.serve();
        }
      };
    },
  });
  return { acquire: queue.take };
}
