import type { ByteSource } from '../../core/bytes.ts';
import { type Blocks, blockBytes } from './blocks.ts';

/** Bytes to be written with one `writev`. */
export interface Batch {
  readonly chunks: Uint8Array[];
  readonly bytes: number;
  /** Nothing comes after this batch. */
  readonly last: boolean;
  /** Once it is written; its memory is used for others then. */
  release(): void;
}

export interface Batches {
  /**
   * Collects the next batch. Rejects with the source's own error, or with the signal's reason as
   * soon as it aborts.
   */
  next(): Promise<Batch>;
  /** Cancels the source; does not wait for it. */
  leave(): void;
}

export interface BatchOptions {
  readonly signal: AbortSignal;
  readonly blocks: Blocks;
  /** Bytes of one batch, about; two are held at a time. May change. */
  readonly share: { readonly bytes: number };
}

export function createBatches(
  source: ByteSource,
  { signal, blocks, share }: BatchOptions,
): Batches {
  const iterator = source[Symbol.asyncIterator]();
  let interrupt: ((reason: unknown) => void) | undefined;
  let ended = false;
  // What did not fit into the last batch.
  let rest: Uint8Array = new Uint8Array(0);
  // One listener for the whole body: Promise.race on a promise that lives as long would keep
  // something for every chunk.
  const onAbort = () => interrupt?.(signal.reason);
  signal.addEventListener('abort', onAbort);

  const fill = async (): Promise<Batch> => {
    const batch = createBatch(blocks, Math.max(1, Math.floor(share.bytes / blockBytes)));
    rest = batch.add(rest);
    while (rest.byteLength === 0 && !batch.isFull) {
      const { done, value } = await iterator.next();
      if (done === true) {
        ended = true;
        break;
      }
      rest = batch.add(value);
      if (signal.aborted) {
        break;
      }
    }
    return batch.finish(ended);
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

function createBatch(blocks: Blocks, maxBlocks: number) {
  const taken: Buffer[] = [];
  const capacityBytes = maxBlocks * blockBytes;
  let bytes = 0;
  return {
    get isFull() {
      return bytes === capacityBytes;
    },
    /** Returns what does not fit. */
    add(chunk: Uint8Array): Uint8Array {
      let at = 0;
      while (at < chunk.byteLength && bytes < capacityBytes) {
        const used = bytes % blockBytes;
        if (used === 0) {
          taken.push(blocks.take());
        }
        const piece = chunk.subarray(at, at + blockBytes - used);
        taken.at(-1)?.set(piece, used);
        at += piece.byteLength;
        bytes += piece.byteLength;
      }
      return chunk.subarray(at);
    },
    finish(last: boolean): Batch {
      const used = bytes % blockBytes;
      const chunks = taken.map((block, index) =>
        used > 0 && index === taken.length - 1 ? block.subarray(0, used) : block,
      );
      return { chunks, bytes, last, release: () => blocks.release(taken) };
    },
  };
}
