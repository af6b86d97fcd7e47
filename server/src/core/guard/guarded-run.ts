import type { ChannelLimits } from '../channel.ts';
import { isStowageError } from '../errors.ts';
import { type Call, type CallMode, type Waits, withDeadline } from './call-deadline.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { createPacer } from './pacer.ts';
import { withRetry } from './retry.ts';
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

export interface GuardOptions extends Waits {
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

/** How a call is made, besides what its deadline depends on. */
export interface RunMode extends CallMode {
  readonly retry?: boolean;
}

/** Makes one call of a channel with all that the guard adds. */
export type Run = <T>(
  operation: Operation,
  signal: AbortSignal,
  call: Call<T>,
  mode?: RunMode,
) => Promise<T>;

/** All calls of one channel share its places, its pace and its circuit breaker. */
export function createRunner(limits: ChannelLimits, options: GuardOptions): Run {
  const uploads = createSemaphore(options.maxConcurrent);
  const others = createSemaphore(options.maxConcurrent);
  const pacer = createPacer(limits.pace);

  const once: Run = async (operation, signal, call, mode = {}) => {
    const release = await (mode.moves ? uploads : others).acquire(signal);
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      await pacer.take(signal);
      return await options.breaker.run(() => withDeadline(call, { signal, mode, waits: options }));
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
