import { type Clock, minuteMs } from '../clock.ts';

/** A lead over the steady clock that is too large to be drift. */
const jumpMs = minuteMs;
/** Long enough for the clock to be corrected by itself. */
const restMs = 10 * minuteMs;

/**
 * Whether a clock can be trusted to decide removals by age. It cannot for a while after it has
 * jumped ahead. A machine that slept looks the same, and loses nothing by waiting.
 */
export function createJumpGuard(
  now: Clock,
  steady: Clock = () => performance.now(),
): () => 'steady' | 'jumped' | 'resting' {
  let [lastNow, lastSteady] = [now(), steady()];
  let restUntil = Number.NEGATIVE_INFINITY;
  return () => {
    const [at, steadyAt] = [now(), steady()];
    const hasJumped = at - lastNow - (steadyAt - lastSteady) > jumpMs;
    [lastNow, lastSteady] = [at, steadyAt];
    if (hasJumped) {
      restUntil = steadyAt + restMs;
    }
    return hasJumped ? 'jumped' : steadyAt < restUntil ? 'resting' : 'steady';
  };
}
