import { fail, type StowageError } from '../core/errors.ts';

/** Bytes that a parser wants to see next. */
export interface Ask {
  readonly start: number;
  readonly bytes: number;
}

/**
 * A parser that asks for bytes as it goes and is handed exactly those. So one parser serves a head in memory, at once, and stored bytes far away, a
 * few KiB at a time.
 */
export type Walk<T> = Generator<Ask, T, Buffer>;

export function* take(start: number, bytes: number): Walk<Buffer> {
  return yield { start, bytes };
}

export function corrupt(message: string): StowageError {
  return fail('invalid_media', { message });
}

/** Runs a walk over what is at hand; undefined when it wants more than that. */
export function walkHead<T>(walk: Walk<T>, head: Uint8Array): T | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  let step = walk.next();
  while (!step.done) {
    const { start, bytes: count } = step.value;
    if (start + count > bytes.length) return undefined;
    step = walk.next(bytes.subarray(start, start + count));
  }
  return step.value;
}
