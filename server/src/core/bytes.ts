/**
 * Bytes on their way in or out: chunks in order, each handed over once and never written to again.
 * Every Node `Readable` and every fetch body is one. Leaving a `for await` early (or an abort)
 * stops the producer.
 */
export type ByteSource = AsyncIterable<Uint8Array>;

/** Bytes that are to be stored, with what is known of them before the first one goes out. */
export interface ReplayableBody {
  /**
   * The bytes, from the first one on. Every call reads them anew, byte for byte the same and at its
   * own pace, unless the body is `once`. Fails with the source's own error when that fails.
   */
  open(): ByteSource;
  /** True for a live stream: it is opened a single time, and a call with it is never repeated. */
  readonly once?: boolean | undefined;
  /** Exact number of bytes, when known. */
  readonly size?: number | undefined;
  /** Hex SHA-256, when known. */
  readonly sha256?: string | undefined;
}

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
