import type { Channel } from '../src/core/channel.ts';
import { guardChannel } from '../src/core/guard/channel-guard.ts';
import { createCircuitBreaker } from '../src/core/guard/circuit-breaker.ts';

/** The channel behind a guard that never loses patience, so that failed calls are repeated. */
export function guarded(channel: Channel): Channel {
  return guardChannel(channel, {
    callTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    maxConcurrent: 100,
    breaker: createCircuitBreaker({
      threshold: Number.POSITIVE_INFINITY,
      openMs: 1,
      now: Date.now,
    }),
  });
}
