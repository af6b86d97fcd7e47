import type { ByteSource, ReplayableBody } from '../bytes.ts';
import type {
  Channel,
  ChannelLimits,
  DirectUpload,
  GetResult,
  Multipart,
  Presign,
  PutResult,
} from '../channel.ts';
import { fail, isStowageError, StowageError } from '../errors.ts';
import { tap } from '../streams/tap.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { createPacer } from './pacer.ts';
import { raceAbort } from './race-abort.ts';
import { uploadRetry, withRetry } from './retry.ts';
import { createSemaphore } from './semaphore.ts';

export type Operation =
  | 'put'
  | 'get'
  | 'delete'
  | 'check'
  | 'multipart_start'
  | 'multipart_part'
  | 'multipart_finish'
  | 'multipart_abort'
  | 'presign_start'
  | 'presign_head'
  | 'presign_finish'
  | 'presign_abort'
  | 'direct';

export interface GuardOptions {
  /**
   * A call without a body (delete, head, start, ...) and the wait for the first byte of a `get`.
   */
  readonly callTimeoutMs: number;
  /** Longest silence while bytes are being moved. Slow is fine, silent is not. */
  readonly idleTimeoutMs: number;
  /**
   * Operations under way at once; more wait their turn. Uploads are counted apart from all else:
   * one may keep its place for minutes while the driver waits for its turn (Telegram takes 20
   * messages a minute), and no reader may wait for that.
   */
  readonly maxConcurrent: number;
  readonly breaker: CircuitBreaker;
  /** Called after each operation; for metrics. */
  readonly observe?: (operation: Operation, outcome: string, durationMs: number) => void;
}

/**
 * Wraps any channel with time-outs, a limit on concurrency, pace, a circuit breaker, metrics and
 * one family of errors. Calls that a repetition may cure are repeated here and nowhere else, those
 * with a body too, unless it is `once`. What a backend kept only in part is removed and sent again.
 */
export function guardChannel(channel: Channel, options: GuardOptions): Channel {
  const run = createRunner(channel.limits, options);
  const { multipart, presign, direct, notice, locate, settle, unsettled, url, close } = channel;
  return {
    limits: channel.limits,
    remote: channel.remote,
    put: guardPut(channel, run),
    get: (ref, call) =>
      run('get', call.signal, (signal) => channel.get(ref, { ...call, signal }), {
        retry: true,
        streams: true,
      }),
    delete: (ref, call) =>
      run('delete', call.signal, (signal) => channel.delete(ref, { signal }), { retry: true }),
    check: (call) => run('check', call.signal, (signal) => channel.check({ signal })),
    ...(multipart && { multipart: guardMultipart(multipart, run) }),
    ...(presign && { presign: guardPresign(presign, run) }),
    ...(direct && { direct: guardDirect(direct, run) }),
    ...(notice && { notice: notice.bind(channel) }),
    ...(locate && { locate: locate.bind(channel) }),
    ...(settle && { settle: settle.bind(channel) }),
    ...(unsettled && { unsettled: unsettled.bind(channel) }),
    ...(url && { url: url.bind(channel) }),
    ...(close && { close: close.bind(channel) }),
  };
}

interface RunMode {
  readonly retry?: boolean;
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

type Run = <T>(
  operation: Operation,
  signal: AbortSignal,
  call: (signal: AbortSignal, beat: () => void) => Promise<T>,
  mode?: RunMode,
) => Promise<T>;

function createRunner(limits: ChannelLimits, options: GuardOptions): Run {
  const uploads = createSemaphore(options.maxConcurrent);
  const others = createSemaphore(options.maxConcurrent);
  const pacer = createPacer(limits.pace);

  const once: Run = async (operation, signal, call, mode = {}) => {
    const release = await (mode.moves ? uploads : others).acquire(signal);
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      await pacer.take(signal);
      return await options.breaker.run(() => withDeadline({ signal, call, mode, options }));
    } catch (error) {
      outcome = isStowageError(error) ? error.code : 'error';
      throw error;
    } finally {
      release();
      options.observe?.(operation, outcome, performance.now() - startedAt);
    }
  };
  return (operation, signal, call, mode = {}) =>
    mode.retry
      ? withRetry(() => once(operation, signal, call, mode), signal)
      : once(operation, signal, call, mode);
}

interface DeadlineCall<T> {
  readonly signal: AbortSignal;
  readonly call: (signal: AbortSignal, beat: () => void) => Promise<T>;
  readonly mode: RunMode;
  readonly options: GuardOptions;
}

/**
 * Aborts the call when nothing happens for too long, and turns whatever comes out of it into the
 * channel family of errors.
 */
async function withDeadline<T>({ signal, call, mode, options }: DeadlineCall<T>): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const waitMs = mode.moves || mode.slow ? options.idleTimeoutMs : options.callTimeoutMs;
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
      idleMs: options.idleTimeoutMs,
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

const undoMs = 30_000;

function guardPut(channel: Channel, run: Run): Channel['put'] {
  return (body, { onLeftOver, ...call }) =>
    sendBody(body, call.signal, async (sent) => {
      const result = await run(
        'put',
        call.signal,
        (signal, beat) => channel.put(sent.beating(beat), { ...call, signal, onProgress: beat }),
        { moves: true },
      );
      if (sent.isAllIn(result)) {
        return result;
      }
      const signal = AbortSignal.timeout(undoMs);
      await run('delete', signal, (own) => channel.delete(result.ref, { signal: own }), {
        retry: true,
      }).catch(() => onLeftOver?.(result.ref));
      throw fail('channel_unavailable', {
        message: `The storage backend kept ${result.size} of ${sent.bytes} bytes.`,
      });
    });
}

/** Sends again what may go better: not a stream, and not a body that itself fails. */
function sendBody<T>(
  body: ReplayableBody,
  signal: AbortSignal,
  send: (sent: SentBody) => Promise<T>,
): Promise<T> {
  let sent = new SentBody(body);
  const work = (): Promise<T> => {
    sent = new SentBody(body);
    return send(sent);
  };
  const mayHelp = (): boolean => !body.once && !sent.hasFailed;
  return withRetry(work, signal, { ...uploadRetry, mayHelp });
}

/** A body as one try sees it. */
class SentBody {
  /** Of the whole body, as far as it is known. */
  bytes: number | undefined;
  hasFailed = false;
  readonly #body: ReplayableBody;

  constructor(body: ReplayableBody) {
    this.#body = body;
    this.bytes = body.size;
  }

  /** The body, which calls `beat` whenever bytes move. */
  beating<B extends ReplayableBody>(beat: () => void, body = this.#body as B): B {
    return { ...body, open: () => this.#open(beat) };
  }

  isAllIn({ size, recompressed }: PutResult): boolean {
    return recompressed !== undefined || this.bytes === undefined || size === this.bytes;
  }

  #open(beat: () => void): ByteSource {
    const tapped = tap(this.#body.open(), {
      // Not for the first chunk: until it is there, a driver may wait for its turn.
      onPull: () => tapped.bytes > 0 && beat(),
      onChunk: beat,
      onEnd: () => (this.bytes = tapped.bytes),
      onError: () => (this.hasFailed = true),
    });
    return tapped;
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

function guardMultipart(multipart: Multipart, run: Run): Multipart {
  return {
    limits: multipart.limits,
    start: (call) =>
      run('multipart_start', call.signal, (signal) => multipart.start({ ...call, signal }), {
        retry: true,
      }),
    part: (state, number, body, call) =>
      sendBody(body, call.signal, (sent) =>
        run(
          'multipart_part',
          call.signal,
          (signal, beat) => multipart.part(state, number, sent.beating(beat, body), { signal }),
          { moves: true },
        ),
      ),
    // Assembling a large object may take its time: the idle time-out, not the call time-out.
    finish: (state, parts, call) =>
      run('multipart_finish', call.signal, (signal) => multipart.finish(state, parts, { signal }), {
        retry: true,
        slow: true,
      }),
    abort: (state, call) =>
      run('multipart_abort', call.signal, (signal) => multipart.abort(state, { signal }), {
        retry: true,
      }),
  };
}

function guardPresign(presign: Presign, run: Run): Presign {
  const finish = presign.finish?.bind(presign);
  return {
    ...(presign.onRequest && { onRequest: true }),
    ...(presign.accepts && { accepts: presign.accepts.bind(presign) }),
    start: (call) =>
      run('presign_start', call.signal, (signal) => presign.start({ ...call, signal }), {
        retry: true,
      }),
    head: (state, call) =>
      run('presign_head', call.signal, (signal) => presign.head(state, { signal }), {
        retry: true,
      }),
    ...(finish && {
      finish: (arrival, call) =>
        run('presign_finish', call.signal, (signal) => finish(arrival, { ...call, signal }), {
          retry: true,
          slow: true,
        }),
    }),
    abort: (state, call) =>
      run('presign_abort', call.signal, (signal) => presign.abort(state, { signal }), {
        retry: true,
      }),
  };
}

function guardDirect(direct: DirectUpload, run: Run): DirectUpload {
  return {
    repo: direct.repo,
    isPrivate: direct.isPrivate,
    start: (call) =>
      run('direct', call.signal, (signal) => direct.start({ ...call, signal }), { retry: true }),
    completeMultipart: (target, body, call) =>
      run('direct', call.signal, (signal) => direct.completeMultipart(target, body, { signal })),
    commit: (state, call) =>
      run('direct', call.signal, (signal) => direct.commit(state, { signal }), {
        retry: true,
        slow: true,
      }),
  };
}
