import { raceAbort } from './race-abort.ts';

/**
 * One holder per key at a time, in the order of the calls. Keys do not hold each other up, and
 * nothing is kept of a key that has no holder.
 */
export interface KeyedMutex {
  /**
   * Resolves with the function that lets the next one in (safe to call twice). Rejects with the
   * signal's reason as soon as it aborts, and the place in the queue is given up.
   */
  acquire(key: string, signal?: AbortSignal): Promise<() => void>;
  /** Holds the key while `work` runs. Settles as `work` does, or rejects as `acquire` does. */
  run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<void>>();

  const acquire: KeyedMutex['acquire'] = async (key, signal) => {
    const before = tails.get(key) ?? Promise.resolve();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    // A caller that aborts lets the next in only after those before it.
    const tail = before.then(() => released);
    tails.set(key, tail);
    void tail.then(() => tails.get(key) === tail && tails.delete(key));
    try {
      await (signal === undefined ? before : raceAbort(before, signal));
    } catch (error) {
      release();
      throw error;
    }
    return release;
  };

  return {
    acquire,
    async run(key, work, signal) {
      const release = await acquire(key, signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
