import { fail, type StowageError } from '../core/errors.ts';

/** The bytes that a parser needs next. */
interface Ask {
  readonly start: number;
  readonly bytes: number;
  /** When the content ends before them, the parser continues without them. */
  readonly optional: boolean;
}

/**
 * A parser that requests bytes as it goes and receives exactly those. So one parser serves a head
 * in memory, synchronously, and remote stored bytes, a few KiB at a time (docs/decisions/021).
 */
export type Walk<T> = Generator<Ask, T, Buffer | undefined>;

/** The walk ends here when the content ends before these bytes. */
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

/** A picture needs a few dozen. More would cost an upload milliseconds. */
const maxHeadAsks = 512;

/** Runs a walk over the bytes at hand. Undefined when it needs more. */
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
