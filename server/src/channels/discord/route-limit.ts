import { fail } from '../../core/errors.ts';
import { createPacedQueue } from '../../core/guard/paced-queue.ts';

/** What a response of Discord states about a route. */
export interface RouteNews {
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  /** Until the count starts anew. */
  readonly resetAfterMs?: number | undefined;
}

/**
 * Keeps calls of one route inside what Discord allows by the `X-RateLimit-*` headers. The first
 * call goes alone; as soon as the count is known, that many go at once (four when Discord states
 * none); the rest wait in order for the reset. Time is counted from the responses (`Reset-After`),
 * so a wrong clock does no harm.
 */
export interface RouteLimit {
  /**
   * Resolves with the function that reports the answer, to be called exactly once. More than
   * `maxWaitMs` to wait is `channel_rate_limited` at once.
   */
  take(signal: AbortSignal, maxWaitMs?: number): Promise<(news: RouteNews) => void>;
  pause(ms: number): void;
}

const withoutCount = 4;

export function createRouteLimit(now: () => number = () => performance.now()): RouteLimit {
  let limit: number | undefined;
  let remaining = 1;
  let resetAt = Number.POSITIVE_INFINITY;
  let pausedUntil = 0;
  let underWay = 0;
  let window = 0;

  const waitMs = (): number => {
    if (remaining <= 0 && resetAt <= now()) {
      remaining = (limit ?? 1) - underWay;
      resetAt = Number.POSITIVE_INFINITY;
      window += 1;
    }
    if (pausedUntil > now()) {
      return pausedUntil - now();
    }
    return remaining > 0 ? 0 : resetAt - now();
  };

  const begin = (): ((news: RouteNews) => void) => {
    remaining -= 1;
    underWay += 1;
    const began = window;
    let isReported = false;
    return (news) => {
      if (!isReported) {
        isReported = true;
        report(news, began);
      }
    };
  };

  const queue = createPacedQueue({ waitMs, begin });

  const report = (news: RouteNews, began: number): void => {
    underWay -= 1;
    if (news.remaining !== undefined && news.resetAfterMs !== undefined) {
      // Of the window before, unless nothing else would tell when this one ends.
      if (began === window || (remaining <= 0 && !Number.isFinite(resetAt))) {
        count(news.remaining, news.resetAfterMs, news.limit);
      }
    } else if (!Number.isFinite(resetAt)) {
      // No count in the answer, or no answer: then only the number of calls at once is kept in
      // bounds.
      limit ??= withoutCount;
      remaining = Math.min(limit - underWay, remaining + limit);
    }
    queue.serve();
  };

  const count = (left: number, resetAfterMs: number, newLimit: number | undefined): void => {
    // What is under way is not in Discord's count yet; and responses may overtake each other, so a
    // count only ever falls.
    const atMost = Math.max(0, left - underWay);
    remaining = limit === undefined ? atMost : Math.min(remaining, atMost);
    limit = newLimit ?? limit ?? left + 1;
    resetAt = now() + resetAfterMs;
  };

  const take: RouteLimit['take'] = async (signal, maxWaitMs = Number.POSITIVE_INFINITY) => {
    signal.throwIfAborted();
    const ms = waitMs();
    if (Number.isFinite(ms) && ms > maxWaitMs) {
      throw fail('channel_rate_limited', {
        message: 'Discord asks to slow down',
        retryAfterMs: Math.ceil(ms),
      });
    }
    return queue.take(signal);
  };

  return {
    take,
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, now() + ms);
    },
  };
}
