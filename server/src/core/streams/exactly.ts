import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';

/** A source on its way into one request of known length. */
export interface Exactly extends ByteSource {
  /** True once the last byte is handed over: from here on a service may have stored them all. */
  readonly isComplete: boolean;
}

/**
 * Exactly `sizeBytes` bytes of a source, read once. Fails with `incomplete_body` or
 * `size_mismatch`. The last chunk is held back until the source has ended: a source that breaks at
 * its very end, or has more to give, must not leave an object that a service takes for complete.
 */
export function exactly(source: ByteSource, sizeBytes: number): Exactly {
  let isComplete = false;
  async function* counted(): AsyncGenerator<Uint8Array> {
    let seen = 0;
    let last: Uint8Array | undefined;
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > sizeBytes) {
        throw fail('size_mismatch', {
          message: `The source has more than the announced ${sizeBytes} bytes.`,
        });
      }
      if (chunk.length === 0) {
        continue;
      }
      if (seen < sizeBytes) {
        yield chunk;
      } else {
        last = chunk;
      }
    }
    if (seen < sizeBytes) {
      throw fail('incomplete_body');
    }
    isComplete = true;
    if (last !== undefined) {
      yield last;
    }
  }
  const read = counted();
  return {
    [Symbol.asyncIterator]: () => read,
    get isComplete() {
      return isComplete;
    },
  };
}
