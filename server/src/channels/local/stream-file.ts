import { closeSync, read } from 'node:fs';
import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import type { ByteBudget } from '../../core/streams/byte-budget.ts';
import { noteBytesPassed } from '../../core/streams/gc-pressure.ts';
import { io } from './io.ts';

export interface FileSpan {
  readonly fd: number;
  readonly start: number;
  /** Bytes; the file has them all. */
  readonly size: number;
  readonly signal: AbortSignal;
  /** For the chunk that the reader has and the one read ahead. */
  readonly budget: ByteBudget;
}

/**
 * Reads a span of an open file, one chunk ahead of its reader, and owns the descriptor: it is
 * closed at the end, when the reader leaves (also before the first chunk) and when the signal
 * aborts.
 */
export function streamFile({ fd, start, size, signal, budget }: FileSpan): ByteSource {
  const share = budget.join();
  const end = start + size;
  let at = start;
  let closed = false;
  let ahead: Promise<Buffer> | undefined;

  const readNext = (): Promise<Buffer> => {
    const from = at;
    at = Math.min(at + Math.floor(share.bytes / 2), end);
    const chunk = readChunk(fd, from, at - from);
    // The reader gets failures when it reaches this point.
    chunk.catch(() => {});
    return chunk;
  };
  const close = () => {
    if (closed) {
      return;
    }
    closed = true;
    share.leave();
    signal.removeEventListener('abort', close);
    // A read under way must not find its descriptor closed, or reused for another file.
    const settled = ahead?.then(undefined, () => {}) ?? undefined;
    settled === undefined ? closeSync(fd) : settled.then(() => closeSync(fd));
  };
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    signal.throwIfAborted();
    if (closed || (ahead === undefined && at >= end)) {
      close();
      return { done: true, value: undefined };
    }
    try {
      ahead ??= readNext();
      const value = await ahead;
      ahead = undefined;
      signal.throwIfAborted();
      if (at < end && !closed) {
        ahead = readNext();
      }
      return { done: false, value };
    } catch (error) {
      ahead = undefined;
      close();
      throw error;
    }
  };
  const leave = async () => {
    close();
    return { done: true as const, value: undefined };
  };

  signal.addEventListener('abort', close);
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}

async function readChunk(fd: number, start: number, size: number): Promise<Buffer> {
  noteBytesPassed(size);
  const chunk = Buffer.allocUnsafeSlow(size);
  for (let got = 0; got < size; ) {
    const count = await io<number>((done) => read(fd, chunk, got, size - got, start + got, done));
    if (count === 0) {
      throw fail('channel_unavailable', {
        message: 'The stored file is damaged: it is shorter than it should be.',
      });
    }
    got += count;
  }
  return chunk;
}
