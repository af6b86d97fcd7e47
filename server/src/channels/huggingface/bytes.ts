import type { ByteSource } from '../../core/bytes.ts';

/** A source read piece by piece: each `take` must be read to its end before the next. */
export interface Slicer {
  /** Exactly `lengthBytes`, fewer only when the source ends. */
  take(lengthBytes: number): ByteSource;
  /** Stops the source. */
  close(): Promise<void>;
}

export function createSlicer(source: ByteSource): Slicer {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  return {
    async *take(lengthBytes) {
      for (let left = lengthBytes; left > 0; ) {
        if (rest.length === 0) {
          const { done, value } = await iterator.next();
          if (done) {
            return;
          }
          rest = value;
        }
        const piece = rest.subarray(0, left);
        rest = rest.subarray(left);
        left -= piece.length;
        if (piece.length > 0) {
          yield piece;
        }
      }
    },
    async close() {
      await iterator.return?.();
    },
  };
}
