import { fail } from '../core/errors.ts';
import type { RandomAccess } from '../core/prober.ts';
import type { Walk } from './walk.ts';

/** How much of a stored file a walk may read. */
export interface Budget {
  readonly maxBytes: number;
  readonly maxReads: number;
  /** Bounds the time on the main thread. */
  readonly maxAsks: number;
}

export const defaultBudget: Budget = { maxBytes: 8 * 1024 * 1024, maxReads: 128, maxAsks: 50_000 };

const headBytes = 16 * 1024;
const leastBytes = 4 * 1024;
const mostBytes = 256 * 1024;
const maxWindows = 4;

interface Window {
  readonly start: number;
  readonly bytes: Buffer;
}

/**
 * Runs a walk over stored bytes. Throws what the walk throws, and `unprocessable` when the budget
 * is used up.
 */
export async function walkStored<T>(
  walk: Walk<T>,
  content: RandomAccess,
  budget: Budget = defaultBudget,
): Promise<T> {
  const windows = createWindows(content, budget);
  let asks = 0;
  let step = walk.next();
  while (!step.done) {
    if (++asks > budget.maxAsks) {
      throw tooLong();
    }
    const { start, bytes } = step.value;
    // No await for bytes at hand, because a walk makes thousands of small asks.
    step = walk.next(
      start + bytes > content.size
        ? undefined
        : (windows.atHand(start, bytes) ?? (await windows.read(start, bytes))),
    );
  }
  return step.value;
}

function createWindows(content: RandomAccess, { maxBytes, maxReads }: Budget) {
  const windows: Window[] = [];
  let readBytes = 0;
  let reads = 0;

  function atHand(start: number, bytes: number): Buffer | undefined {
    for (const window of windows) {
      const at = start - window.start;
      if (at >= 0 && at + bytes <= window.bytes.length) {
        return window.bytes.subarray(at, at + bytes);
      }
    }
    return undefined;
  }

  /** Reads ahead in windows that double. A jump begins with a small one. */
  function windowBytes(start: number): number {
    if (reads === 0) {
      return start === 0 ? headBytes : leastBytes;
    }
    const last = windows[0];
    const isNear =
      last !== undefined && start >= last.start && start - last.start <= 2 * last.bytes.length;
    return isNear ? Math.min(mostBytes, 2 * last.bytes.length) : leastBytes;
  }

  async function read(start: number, bytes: number): Promise<Buffer> {
    const end = Math.min(content.size, start + Math.max(bytes, windowBytes(start)));
    reads++;
    readBytes += end - start;
    if (reads > maxReads || readBytes > maxBytes) {
      throw tooLong();
    }
    const { buffer, byteOffset, byteLength } = await content.read(start, end);
    if (byteLength < end - start) {
      throw fail('channel_unavailable', {
        message: 'The storage backend sent less than it holds.',
      });
    }
    windows.unshift({ start, bytes: Buffer.from(buffer, byteOffset, byteLength) });
    windows.length = Math.min(windows.length, maxWindows);
    return atHand(start, bytes) ?? Buffer.alloc(0);
  }

  return { atHand, read };
}

function tooLong() {
  return fail('unprocessable', { message: 'The headers of the file are too long to be checked.' });
}
