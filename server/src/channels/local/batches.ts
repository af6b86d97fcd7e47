import type { ByteSource } from '../../core/bytes.ts';

/** Chunks to be written with one `writev`. */
export interface Batch {
  readonly chunks: Uint8Array[];
  readonly bytes: number;
  /** Nothing comes after this batch. */
  readonly last: boolean;
}

export interface Batches {
  /** Collects the next batch. Rejects with the source's own error, or with the signal's reason as soon as it aborts. */
  next(): Promise<Batch>;
  /** Tells the source that nobody listens any more; does not wait for it. */
  leave(): void;
}

const batchBytes = 768 * 1024;
// More would not fit one writev (IOV_MAX), and tiny chunks cost more than their bytes.
const batchChunks = 1024;

export function createBatches(source: ByteSource, signal: AbortSignal): Batches {
  const iterator = source[Symbol.asyncIterator]();
  let interrupt: ((reason: unknown) => void) | undefined;
  let ended = false;
  // One listener for the whole body: Promise.race on a promise that lives as long would keep something for every chunk.
  const onAbort = () => interrupt?.(signal.reason);
  signal.addEventListener('abort', onAbort);

  const fill = async (): Promise<Batch> => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < batchBytes && chunks.length < batchChunks) {
      const { done, value } = await iterator.next();
      if (done === true) {
        ended = true;
        break;
      }
      if (value.byteLength > 0) {
        chunks.push(value);
        bytes += value.byteLength;
      }
      if (signal.aborted) {
        break;
      }
    }
    return { chunks, bytes, last: ended };
  };

  return {
    next: () =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        interrupt = reject;
        fill().then((batch) => (signal.aborted ? reject(signal.reason) : resolve(batch)), reject);
      }),
    leave: () => {
      signal.removeEventListener('abort', onAbort);
      if (!ended) {
        ended = true;
        iterator.return?.()?.then(undefined, () => {});
      }
    },
  };
}
