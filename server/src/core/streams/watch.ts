import type { ByteSource } from '../bytes.ts';

export interface Watcher {
  /** Called whenever a reader begins. */
  readonly onStart?: () => void;
  /**
   * Sees every chunk before the reader does. What it throws the reader gets, and the source is
   * left.
   */
  readonly onChunk?: (chunk: Uint8Array) => void;
  /** Called with the failure of the source itself. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The same bytes, watched. As restartable as its source. Not a generator: that takes three promises
 * more for every chunk of every transfer.
 */
export function watch(source: ByteSource, watcher: Watcher): ByteSource {
  return {
    [Symbol.asyncIterator]: () => {
      watcher.onStart?.();
      return watchReads(source[Symbol.asyncIterator](), watcher);
    },
  };
}

type Result = IteratorResult<Uint8Array, undefined>;

function watchReads(
  inner: AsyncIterator<Uint8Array>,
  { onChunk, onError }: Watcher,
): AsyncIterator<Uint8Array, undefined> {
  const done: Result = { done: true, value: undefined };
  let isOver = false;
  const leave = (): void => {
    isOver = true;
    inner.return?.()?.catch(() => undefined);
  };
  const onResult = (result: IteratorResult<Uint8Array>): Result => {
    if (result.done) {
      isOver = true;
      return done;
    }
    try {
      onChunk?.(result.value);
    } catch (error) {
      leave();
      throw error;
    }
    return result;
  };
  const onFailure = (error: unknown): never => {
    isOver = true;
    onError?.(error);
    throw error;
  };
  return {
    next: () => (isOver ? Promise.resolve(done) : inner.next().then(onResult, onFailure)),
    return: () => {
      if (!isOver) {
        leave();
      }
      return Promise.resolve(done);
    },
  };
}
