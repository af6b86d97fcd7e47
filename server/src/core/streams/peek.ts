import type { ByteSource } from '../bytes.ts';

/** A body whose first bytes have been looked at. */
export interface Peeked {
  /**
   * The first `headBytes` at least, or everything when the body is shorter. Lives as long as the
   * upload: not much more than that.
   */
  readonly head: Uint8Array;
  /**
   * The whole body, head included. While nothing beyond the head was read, it may be iterated
   * again.
   */
  readonly source: ByteSource;
  /** The exact size, when the body ended within the head. */
  readonly size: number | undefined;
  /** Whether anything beyond the head has been read, so that a second reader would miss it. */
  consumed(): boolean;
  /** Cancels the rest of the source; does not wait for it. Does nothing when it has ended. */
  leave(): void;
}

/** Reads at least `headBytes` (whole chunks are kept as they come) without losing them. */
export async function peek(source: ByteSource, headBytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let ended = false;
  let consumed = false;
  while (bytes < headBytes && !ended) {
    const next = await iterator.next();
    if (next.done) {
      ended = true;
    } else {
      chunks.push(next.value);
      bytes += next.value.length;
    }
  }

  // No generator: all bytes of all uploads come through here.
  function replay(): AsyncIterator<Uint8Array, undefined> {
    let at = 0;
    return {
      next: () => {
        const chunk = consumed ? undefined : chunks[at++];
        if (chunk !== undefined) {
          return Promise.resolve({ done: false, value: chunk });
        }
        if (ended) {
          return Promise.resolve({ done: true, value: undefined });
        }
        consumed = true;
        // The reader cannot begin again: the copy in `head` is enough.
        chunks.length = 0;
        return iterator.next();
      },
      return: async () => {
        if (consumed) {
          leave();
        }
        return { done: true, value: undefined };
      },
    };
  }

  const [only] = chunks;
  const leave = (): void => void iterator.return?.()?.catch(() => undefined);
  return {
    head:
      chunks.length === 1 && only !== undefined
        ? only
        : Buffer.concat(chunks, Math.min(bytes, headBytes)),
    source: { [Symbol.asyncIterator]: replay },
    size: ended ? bytes : undefined,
    consumed: () => consumed,
    leave,
  };
}

/** For small bodies only: everything at once. */
export async function readAll(source: ByteSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
