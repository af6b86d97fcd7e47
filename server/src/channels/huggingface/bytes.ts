import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';

/**
 * A source read piece by piece: each `take` hands out the next bytes, and must be read to its end
 * before the next.
 */
export interface Slicer {
  /** Exactly `lengthBytes`, fewer only when the source ends. */
  take(lengthBytes: number): ByteSource;
  /** The first bytes, at most `lengthBytes`, without using them up. */
  peek(lengthBytes: number): Promise<Uint8Array>;
  /** Rejects with `size_mismatch` when bytes are left. */
  end(): Promise<void>;
  /** Stops the source. */
  close(): Promise<void>;
}

export function createSlicer(source: ByteSource): Slicer {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array[] = [];

  const next = async (): Promise<Uint8Array | undefined> => {
    const kept = rest.shift();
    if (kept !== undefined) {
      return kept;
    }
    const result = await iterator.next();
    return result.done ? undefined : result.value;
  };

  return {
    async *take(lengthBytes) {
      let left = lengthBytes;
      while (left > 0) {
        const chunk = await next();
        if (chunk === undefined) {
          return;
        }
        if (chunk.length > left) {
          rest.unshift(chunk.subarray(left));
        }
        const part = chunk.subarray(0, left);
        left -= part.length;
        if (part.length > 0) {
          yield part;
        }
      }
    },

    async peek(lengthBytes) {
      const chunks: Uint8Array[] = [];
      for (let bytes = 0; bytes < lengthBytes; ) {
        const chunk = await next();
        if (chunk === undefined) {
          break;
        }
        chunks.push(chunk);
        bytes += chunk.length;
      }
      rest = [...chunks, ...rest];
      return Buffer.concat(chunks).subarray(0, lengthBytes);
    },

    async end() {
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
        if (chunk.length > 0) {
          throw fail('size_mismatch', { message: 'The source has more bytes than announced.' });
        }
      }
    },

    async close() {
      rest = [];
      await iterator.return?.();
    },
  };
}
