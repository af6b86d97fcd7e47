/**
 * One call per key at a time. An attempt whose caller gave up may still be clearing away what it
 * left; the next attempt under the same key must not have its object swept up with it.
 */
export interface KeyLock {
  /** Returns the function that lets the next one in. */
  acquire(key: string, signal: AbortSignal): Promise<() => void>;
}

export function createKeyLock(): KeyLock {
  const tails = new Map<string, Promise<void>>();
  return {
    async acquire(key, signal) {
      const before = tails.get(key) ?? Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const tail = before.then(() => promise);
      tails.set(key, tail);
      tail.then(() => tails.get(key) === tail && tails.delete(key));
      await unlessAborted(before, signal).catch((error: unknown) => {
        resolve();
        throw error;
      });
      return resolve;
    },
  };
}

/** Waits for work that continues without the caller. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
