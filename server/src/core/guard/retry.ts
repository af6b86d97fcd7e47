import { minuteMs } from '../clock.ts';
import { isStowageError } from '../errors.ts';
import { wait } from './wait.ts';

export interface RetryPolicy {
  /**
   * Tries in all, the first included. Those that the remote put off (`channel_rate_limited`) do not
   * count.
   */
  readonly attempts: number;
  /** First wait; doubles each time, with jitter of one half. */
  readonly baseMs: number;
  readonly maxMs: number;
  /**
   * Longest single wait that a remote may ask for; beyond it the error is passed on. Default one
   * minute.
   */
  readonly patienceMs?: number;
  /** Longest that a remote may put us off in all. Default one minute. */
  readonly putOffMs?: number;
  /** Asked after each failure; false passes the error on. */
  readonly mayHelp?: () => boolean;
}

const defaultRetry: RetryPolicy = { attempts: 4, baseMs: 200, maxMs: 10_000 };

/**
 * For bytes that are to be stored: the queue of a rate-limited remote may be minutes long, and
 * waiting in it is not a failure.
 */
export const uploadRetry: RetryPolicy = { ...defaultRetry, putOffMs: 10 * minuteMs };

/** Errors of a channel that a repetition may cure. */
export function isTransient(error: unknown): boolean {
  return (
    isStowageError(error, 'channel_unavailable') || isStowageError(error, 'channel_rate_limited')
  );
}

/**
 * Runs `call` again while it fails with a passing channel error; waits at least as long as the
 * remote asked for.
 */
export async function withRetry<T>(
  call: (attempt: number) => Promise<T>,
  signal: AbortSignal,
  policy = defaultRetry,
): Promise<T> {
  let failures = 0;
  let putOffMs = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const delay = delayMs(error, attempt, policy);
      if (isStowageError(error, 'channel_rate_limited')) {
        putOffMs += delay;
      } else {
        failures += 1;
      }
      const tired = failures >= policy.attempts || putOffMs > (policy.putOffMs ?? minuteMs);
      // A limit of minutes is not waited for: the caller falls back to another channel, or reports
      // when to retry.
      if (
        tired ||
        !isTransient(error) ||
        policy.mayHelp?.() === false ||
        signal.aborted ||
        delay > (policy.patienceMs ?? minuteMs)
      ) {
        throw error;
      }
      await wait(delay, signal);
    }
  }
}

function delayMs(error: unknown, attempt: number, policy: RetryPolicy): number {
  const backoff = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
  const jittered = backoff / 2 + (Math.random() * backoff) / 2;
  const asked = isStowageError(error) ? (error.retryAfterMs ?? 0) : 0;
  // Many callers get the same time: they must not all retry at once.
  return Math.max(jittered, asked + Math.min(jittered, asked / 2));
}
