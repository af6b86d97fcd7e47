import type { ByteSource } from '../bytes.ts';
import type { GetResult } from '../channel.ts';
import { fail, StowageError } from '../errors.ts';
import { raceAbort } from './race-abort.ts';

/** Longest waits for a backend. */
export interface Waits {
  /**
   * A call without a body (delete, head, start, ...) and the wait for the first byte of a `get`.
   */
  readonly callTimeoutMs: number;
  /** Longest silence while bytes are being moved. Slow is fine, silent is not. */
  readonly idleTimeoutMs: number;
}

export interface CallMode {
  /**
   * The call moves a body: the idle time-out counts, from the first byte on (a driver may wait its
   * turn before) and renewed by `beat`.
   */
  readonly moves?: boolean;
  /**
   * The backend may take long without a word (assembling an object): the idle time-out counts
   * instead of the call's.
   */
  readonly slow?: boolean;
  /** The result is a stream that outlives the call. */
  readonly streams?: boolean;
}

/** Makes the call; `beat` is a sign of life. */
export type Call<T> = (signal: AbortSignal, beat: () => void) => Promise<T>;

export interface Deadline {
  readonly signal: AbortSignal;
  readonly mode: CallMode;
  readonly waits: Waits;
}

/**
 * Aborts the call when nothing happens for too long, and turns whatever comes out of it into the
 * channel family of errors.
 */
export async function withDeadline<T>(
  call: Call<T>,
  { signal, mode, waits }: Deadline,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const waitMs = mode.moves || mode.slow ? waits.idleTimeoutMs : waits.callTimeoutMs;
  let timer: NodeJS.Timeout | undefined;
  const beat = (): void => {
    if (timer) {
      timer.refresh();
    } else {
      timer = setTimeout(() => controller.abort(silence(waitMs)), waitMs);
    }
  };
  if (!mode.moves) {
    beat();
  }
  const forward = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', forward, { once: true });
  const settle = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', forward);
  };
  try {
    const result = await raceAbort(call(controller.signal, beat), controller.signal);
    if (!mode.streams) {
      settle();
      return result;
    }
    clearTimeout(timer);
    return watchStream(result as GetResult, {
      idleMs: waits.idleTimeoutMs,
      controller,
      settle,
    }) as T;
  } catch (error) {
    settle();
    throw signal.aborted
      ? signal.reason
      : toChannelError(controller.signal.aborted ? controller.signal.reason : error);
  }
}

function silence(waitMs: number): StowageError {
  return fail('channel_unavailable', {
    message: `The storage backend did not respond for ${Math.round(waitMs / 1000)} s.`,
  });
}

interface Watch {
  readonly idleMs: number;
  readonly controller: AbortController;
  readonly settle: () => void;
}

function watchStream(result: GetResult, watch: Watch): GetResult {
  return { ...result, stream: watched(result.stream, watch) };
}

/**
 * The clock runs only while we wait for the backend, not while the reader of the stream is slow.
 */
async function* watched(
  stream: ByteSource,
  { idleMs, controller, settle }: Watch,
): AsyncGenerator<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const idle = setTimeout(() => controller.abort(silence(idleMs)), idleMs);
      const next = await raceAbort(Promise.resolve(iterator.next()), controller.signal).finally(
        () => clearTimeout(idle),
      );
      if (next.done) {
        return;
      }
      yield next.value;
    }
  } catch (error) {
    throw toChannelError(error);
  } finally {
    settle();
    // Not awaited: a silent backend must not hold the reader.
    void iterator.return?.()?.catch(() => undefined);
  }
}

function toChannelError(error: unknown): unknown {
  if (error instanceof StowageError) {
    return error;
  }
  const name = (error as Error | undefined)?.name;
  if (name === 'AbortError') {
    return fail('client_closed', { cause: error });
  }
  return fail('channel_unavailable', {
    cause: error,
    message: 'The storage backend failed unexpectedly.',
  });
}
