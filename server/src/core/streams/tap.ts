import type { ByteSource } from '../bytes.ts';
import { fail } from '../errors.ts';

export interface TapOptions {
  /**
   * When it aborts, the reader that waits gets its reason at once, however silent the source is.
   * The source is stopped, not waited for.
   */
  readonly signal?: AbortSignal | undefined;
  /** The first byte more fails with `too_large`. May change while the bytes come. */
  readonly maxBytes?: number | undefined;
  /** Makes another error of that. */
  readonly tooLarge?: (() => Error) | undefined;
  /** Called when the reader asks for the next chunk. */
  readonly onPull?: (() => void) | undefined;
  /** Sees every chunk before the reader does. What it throws the reader gets. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
  /** Called after the last chunk; not when the source fails or the reader leaves early. */
  readonly onEnd?: (() => void) | undefined;
  /** Called with the error that the reader gets. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Bytes that are counted on their way. They are read once. */
export interface Tapped extends ByteSource {
  /** So far. */
  readonly bytes: number;
  /**
   * The reader that waits for the next chunk gets the reason, which is made only then. Does nothing
   * when the bytes have ended.
   */
  stop(reason: () => unknown): void;
}

/**
 * Everything that happens to the bytes of a body on their way (limit, count, abort, a look at each
 * chunk) in one layer: every layer costs promises for every chunk of every transfer.
 */
export function tap(source: ByteSource, options: TapOptions): Tapped {
  return new Tap(source, options);
}

type Result = IteratorResult<Uint8Array, undefined>;

const done: Result = { done: true, value: undefined };

class Tap implements Tapped, AsyncIterator<Uint8Array, undefined> {
  bytes = 0;
  readonly #source: ByteSource;
  readonly #options: TapOptions;
  #inner: AsyncIterator<Uint8Array> | undefined;
  #isOver = false;
  #stopped: { readonly reason: unknown } | undefined;
  #resolve: (result: Result) => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor(source: ByteSource, options: TapOptions) {
    this.#source = source;
    this.#options = options;
    const { signal } = options;
    if (signal?.aborted) {
      this.#onAbort();
    } else {
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this;
  }

  next(): Promise<Result> {
    if (this.#stopped !== undefined) {
      return Promise.reject(this.#stopped.reason);
    }
    if (this.#isOver) {
      return Promise.resolve(done);
    }
    this.#options.onPull?.();
    this.#inner ??= this.#source[Symbol.asyncIterator]();
    return new Promise(this.#pull);
  }

  return(): Promise<Result> {
    if (!this.#isOver) {
      this.#leave();
    }
    return Promise.resolve(done);
  }

  stop(reasonOf: () => unknown): void {
    if (this.#isOver) {
      return;
    }
    this.#leave();
    const reason = reasonOf();
    this.#stopped = { reason };
    this.#fail(reason);
  }

  // Bound once, not made anew for every chunk.
  readonly #onAbort = (): void => this.stop(() => this.#options.signal?.reason);

  readonly #pull = (resolve: (result: Result) => void, reject: (reason: unknown) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#inner?.next().then(this.#onResult, this.#onFailure);
  };

  readonly #onResult = (result: IteratorResult<Uint8Array>): void => {
    if (this.#isOver) {
      return;
    }
    try {
      this.#resolve(result.done ? this.#finish() : this.#look(result));
    } catch (error) {
      this.#leave();
      this.#fail(error);
    }
  };

  readonly #onFailure = (error: unknown): void => {
    if (this.#isOver) {
      return;
    }
    this.#end();
    this.#fail(error);
  };

  #look(result: IteratorYieldResult<Uint8Array>): Result {
    const { maxBytes, tooLarge, onChunk } = this.#options;
    this.bytes += result.value.length;
    if (maxBytes !== undefined && this.bytes > maxBytes) {
      throw tooLarge?.() ?? fail('too_large', { details: { maxBytes } });
    }
    onChunk?.(result.value);
    return result;
  }

  #finish(): Result {
    this.#end();
    this.#options.onEnd?.();
    return done;
  }

  #fail(error: unknown): void {
    this.#options.onError?.(error);
    this.#reject(error);
  }

  #leave(): void {
    this.#end();
    this.#inner?.return?.()?.catch(() => undefined);
  }

  #end(): void {
    this.#isOver = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}
