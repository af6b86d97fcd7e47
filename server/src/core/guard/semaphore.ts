/** At most `limit` holders at once; waiters are served in order. */
export interface Semaphore {
  /** Resolves with the function that gives the place back (safe to call twice). */
  acquire(signal?: AbortSignal): Promise<() => void>;
  readonly waiting: number;
}

export function createSemaphore(limit: number): Semaphore {
  let free = limit;
  const queue: (() => void)[] = [];

  const releaseOnce = (): (() => void) => {
    let held = true;
    return () => {
      if (!held) {
        return;
      }
      held = false;
      const next = queue.shift();
      if (next) {
        next();
      } else {
        free++;
      }
    };
  };

  return {
    get waiting() {
      return queue.length;
    },
    async acquire(signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free--;
        return releaseOnce();
      }
      const turn = Promise.withResolvers<void>();
      queue.push(turn.resolve);
      const abort = (): void => {
        const at = queue.indexOf(turn.resolve);
        if (at < 0) {
          return;
        }
        queue.splice(at, 1);
        turn.reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      try {
        await turn.promise;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
      return releaseOnce();
    },
  };
}
