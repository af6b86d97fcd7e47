import { fail, type StowageError } from '../core/errors.ts';

/** Bytes that a parser wants to see next. */
interface Ask {
  readonly start: number;
  readonly bytes: number;
  /** The parser continues without them when the content ends before. */
  readonly optional: boolean;
}

/**
 * A parser that asks for bytes as it goes and is handed exactly those. So one parser serves a head
 * in memory, at once, and stored bytes far away, a few KiB at a time.
 */
export type Walk<T> = Generator<Ask, T, Buffer | undefined>;

/** The walk ends here when the content ends before these bytes do. */
export function* take(start: number, bytes: number): Walk<Buffer> {
  const taken = yield { start, bytes, optional: false };
  if (taken === undefined) {
    throw corrupt('The file is truncated.');
  }
  return taken;
}

export function* takeIfThere(start: number, bytes: number): Walk<Buffer | undefined> {
  return yield { start, bytes, optional: true };
}

export function corrupt(message: string): StowageError {
  return fail('invalid_media', { message });
}

/** A picture takes some dozens; more would cost an upload milliseconds. */
const maxHeadAsks = 512;

/** Runs a walk over what is at hand; undefined when it cannot do without more. */
export function walkHead<T>(walk: Walk<T>, head: Uint8Array): T | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  let step = walk.next();
  for (let asks = 0; !step.done; asks++) {
    if (asks >= maxHeadAsks) {
      return undefined;
    }
    const { start, bytes: count, optional } = step.value;
    const atHand = start + count <= bytes.length;
    if (!atHand && !optional) {
      return undefined;
    }
    step = walk.next(atHand ? bytes.subarray(start, start + count) : undefined);
  }
  return step.value;
}
