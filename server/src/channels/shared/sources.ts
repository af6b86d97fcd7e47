import type { ByteSource } from '../../core/bytes.ts';

export interface Peeked {
  /** The first bytes: at least as many as asked for, unless the source is shorter. */
  readonly head: Uint8Array;
  /** The whole source, head included. */
  readonly source: ByteSource;
}

/** Reads the first `bytes` of a source without losing them. */
export async function peek(source: ByteSource, bytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let held = 0;
  let next = await iterator.next();
  while (!next.done) {
    chunks.push(next.value);
    held += next.value.length;
    if (held >= bytes) {
      break;
    }
    next = await iterator.next();
  }
  return { head: Buffer.concat(chunks), source: resume(chunks, iterator) };
}

async function* resume(
  chunks: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

export interface Measured {
  readonly source: ByteSource;
  /** Bytes that went by so far, without the filler. */
  readonly bytes: number;
}

/**
 * Counts what passes and reports when the last byte is handed over. A source without bytes yields
 * one zero byte: chat services take no empty files, so an empty file is stored as one byte and its
 * ref has size 0.
 */
export function measured(source: ByteSource, onEnd: () => void = () => undefined): Measured {
  let bytes = 0;
  async function* counted() {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (chunk.length > 0) {
        yield chunk;
      }
    }
    if (bytes === 0) {
      yield new Uint8Array(1);
    }
    onEnd();
  }
  return {
    source: counted(),
    get bytes() {
      return bytes;
    },
  };
}
