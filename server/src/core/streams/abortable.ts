import type { ByteSource } from '../bytes.ts';

/** A body that can be abandoned at any time. It is read once. */
export interface Abortable extends ByteSource {
  /**
   * The reader that waits for the next chunk gets the reason, which is made only then. Does nothing
   * when the body has ended.
   */
  stop(reason: () => unknown): void;
}

/**
 * The same bytes, but the reader that waits for the next chunk gets the signal's reason as soon as
 * it aborts, however silent the source is. The source is told to stop, not waited for.
 */
export function abortable(source: ByteSource, signal: AbortSignal): Abortable {
  const done = { done: true, value: undefined } as const;
  let inner: AsyncIterator<Uint8Array> | undefined;
  let stopped: { readonly reason: unknown } | undefined;
  let refuse: ((reason: unknown) => void) | undefined;
  let ended = false;

  const end = (): void => {
    ended = true;
    signal.removeEventListener('abort', onAbort);
  };
  const stop = (reasonOf: () => unknown): void => {
    if (ended) {
      return;
    }
    end();
    const reason = reasonOf();
    stopped = { reason };
    inner?.return?.()?.catch(() => undefined);
    refuse?.(reason);
  };
  const onAbort = (): void => stop(() => signal.reason);
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener('abort', onAbort, { once: true });
  }

  // Neither a generator nor Promise.race: this lies on the way of every chunk of every upload.
  const next = (): Promise<IteratorResult<Uint8Array, undefined>> =>
    new Promise((resolve, reject) => {
      if (stopped !== undefined) {
        return reject(stopped.reason);
      }
      if (ended) {
        return resolve(done);
      }
      refuse = reject;
      inner ??= source[Symbol.asyncIterator]();
      inner.next().then(
        (result) => {
          if (result.done) {
            end();
          }
          resolve(result.done ? done : result);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
    });
  const leave = (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (!ended) {
      end();
      inner?.return?.()?.catch(() => undefined);
    }
    return Promise.resolve(done);
  };
  return { stop, [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}
