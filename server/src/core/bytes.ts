/**
 * Bytes on their way in or out: chunks in order, each handed over once and never written to again.
 * Every Node `Readable` and every fetch body is one. Leaving a `for await` early (or an abort)
 * stops the producer.
 */
export type ByteSource = AsyncIterable<Uint8Array>;

/** Bytes `start` to `end`, both included, 0-based; `0 <= start <= end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A value that survives `JSON.parse(JSON.stringify(value))`. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/**
 * For values of our own types that hold nothing but JSON (interfaces lack the index signature that
 * `Json` asks for).
 */
export function toJson(value: object): Json {
  return value as Json;
}
