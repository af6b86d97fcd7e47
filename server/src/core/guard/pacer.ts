import type { ChannelLimits } from '../channel.ts';
import { minuteMs } from '../clock.ts';
import { createTurns, type Window } from './turns.ts';

/**
 * A fair queue: `take` resolves in the order of the calls, never more often than the limits say.
 */
export interface Pacer {
  take(signal: AbortSignal): Promise<void>;
}

/** Counts by sliding window: at most `perSecond` in any second and `perMinute` in any minute. */
export function createPacer(limits: ChannelLimits['pace']): Pacer {
  const turns = createTurns([
    ...windowOf(limits?.perSecond, 1000),
    ...windowOf(limits?.perMinute, minuteMs),
  ]);
  return { take: async (signal) => (await turns.take(signal))() };
}

/** Less than one in a window is one in a longer window. */
function windowOf(count: number | undefined, lengthMs: number): readonly Window[] {
  if (count === undefined) {
    return [];
  }
  const whole = Math.max(1, Math.floor(count));
  return [{ count: whole, lengthMs: Math.max(lengthMs, lengthMs / count), from: 'start' }];
}
