import type { ByteSource } from './bytes.ts';

/** A body whose first bytes have been looked at. */
export interface Peeked {
  /** The first `headBytes` at least, or everything when the body is shorter. */
  readonly head: Uint8Array;
  /** The whole body, head included. While nothing beyond the head was read, it may be iterated again. */
  readonly source: ByteSource;
  /** The exact size, when the body ended within the head. */
  readonly size: number | undefined;
  /** Whether anything beyond the head has been read, so that a second reader would miss it. */
  consumed(): boolean;
  /** Tells the source that nobody wants the rest; does not wait for it. Nothing happens when it has ended. */
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
    if (next.done) ended = true;
    else {
      chunks.push(next.value);
      bytes += next.value.length;
    }
  }

  async function* replay(): AsyncGenerator<Uint8Array> {
    let complete = ended;
    try {
      yield* chunks;
      if (ended) return;
      consumed = true;
      for (;;) {
        const next = await iterator.next();
        if (next.done) break;
        yield next.value;
      }
      complete = true;
    } finally {
      if (!complete && consumed) await iterator.return?.();
    }
  }

  const [only] = chunks;
  return {
    head: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks),
    source: { [Symbol.asyncIterator]: replay },
    size: ended ? bytes : undefined,
    consumed: () => consumed,
    leave: () => void iterator.return?.()?.catch(() => undefined),
  };
}

/** For small bodies only: everything at once. */
export async function readAll(source: ByteSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
