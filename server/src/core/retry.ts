import { isStowageError } from './errors.ts';
import { wait } from './pacer.ts';

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** First wait; doubles each time, with jitter of one half. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Longest wait that a remote may ask for; beyond it the error is passed on. Default one minute. */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 60_000;
const defaultRetry: RetryPolicy = { attempts: 4, baseMs: 200, maxMs: 10_000 };

/** Errors of a channel that a repetition may cure. */
export function isPassing(error: unknown): boolean {
  return isStowageError(error, 'channel_unavailable') || isStowageError(error, 'channel_rate_limited');
}

/** Runs `call` again while it fails with a passing channel error; waits at least as long as the remote asked for. */
export async function withRetry<T>(
  call: (attempt: number) => Promise<T>,
  signal: AbortSignal,
  policy = defaultRetry,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const delay = delayMs(error, attempt, policy);
      // Nobody waits for a limit of minutes: the caller falls back, or tells when to come again.
      if (attempt >= policy.attempts || !isPassing(error) || signal.aborted || delay > (policy.patienceMs ?? defaultPatienceMs))
        throw error;
      await wait(delay, signal);
    }
  }
}

function delayMs(error: unknown, attempt: number, policy: RetryPolicy): number {
  const backoff = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
  const jittered = backoff / 2 + (Math.random() * backoff) / 2;
  const asked = isStowageError(error) ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(jittered, asked);
}
