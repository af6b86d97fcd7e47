import type { FastifyReply } from 'fastify';
import type { Caller } from '../../core/access/access.ts';
import { fail } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';

/**
 * Media API 1.5: counts the request and sends the state of the tightest window with whatever
 * response follows.
 */
export async function limitRate(
  { owner }: Caller,
  reply: FastifyReply,
  { rateLimiter, now }: Pick<HttpDeps, 'rateLimiter' | 'now'>,
): Promise<void> {
  const state = await rateLimiter.take(owner);
  if (state === undefined) {
    return;
  }
  reply
    .header('x-ratelimit-limit', state.limit)
    .header('x-ratelimit-remaining', state.remaining)
    .header('x-ratelimit-reset', Math.ceil(state.resetAt / 1000));
  if (state.allowed) {
    return;
  }
  const retryAfterMs = Math.max(1000, state.resetAt - now());
  throw fail('rate_limit_exceeded', {
    message: `Rate limit exceeded. Retry after ${Math.ceil(retryAfterMs / 1000)} seconds.`,
    retryAfterMs,
  });
}
