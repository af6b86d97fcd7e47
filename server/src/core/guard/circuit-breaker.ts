import type { Clock } from '../clock.ts';
import { fail, isStowageError } from '../errors.ts';

export type CircuitState = 'closed' | 'open' | 'half_open';

/**
 * Keeps callers away from a backend that does not answer: after `threshold` passing failures in a
 * row it opens for `openMs` (`service_unavailable` at once), then lets one probe through.
 */
export interface CircuitBreaker {
  run<T>(call: () => Promise<T>): Promise<T>;
  state(): CircuitState;
}

export interface CircuitOptions {
  readonly threshold: number;
  readonly openMs: number;
  readonly now: Clock;
  readonly onChange?: (state: CircuitState) => void;
}

export function createCircuitBreaker({
  threshold,
  openMs,
  now,
  onChange,
}: CircuitOptions): CircuitBreaker {
  let failures = 0;
  let openedAt = 0;
  let probing = false;

  const state = (): CircuitState => {
    if (failures < threshold) {
      return 'closed';
    }
    return now() - openedAt >= openMs ? 'half_open' : 'open';
  };
  const enter = (): void => {
    const current = state();
    if (current === 'closed') {
      return;
    }
    if (current === 'open' || probing) {
      // Not worth a retry: a caller that has other channels uses one of them now.
      throw fail('service_unavailable', {
        message:
          'The storage backend failed repeatedly. Stowage waits a moment before it tries again.',
        retryAfterMs: Math.max(1000, openedAt + openMs - now()),
      });
    }
    probing = true;
  };
  const succeeded = (): void => {
    if (failures >= threshold) {
      onChange?.('closed');
    }
    failures = 0;
    probing = false;
  };
  const failed = (error: unknown): void => {
    // The backend responded: whatever the response, it is up.
    if (!isStowageError(error, 'channel_unavailable') || error.answered) {
      if (probing) {
        succeeded();
      }
      return;
    }
    probing = false;
    failures++;
    if (failures >= threshold) {
      openedAt = now();
      onChange?.('open');
    }
  };

  return {
    state,
    async run(call) {
      enter();
      try {
        const result = await call();
        succeeded();
        return result;
      } catch (error) {
        failed(error);
        throw error;
      }
    },
  };
}
