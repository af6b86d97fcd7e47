import { type Clock, minuteMs } from './clock.ts';
import { fail } from './errors.ts';
import { wait } from './pacer.ts';

/** Slows down and then stops those who guess passwords, by address. Whoever knows the secret is never slowed down before the stop. */
export interface GuessBrake {
  /** False while the address has used up its guesses: then not even a right guess counts. */
  allows(address: string): boolean;
  /** Notes a wrong guess and resolves after a wait that grows with each; throws `rate_limit_exceeded` once they are used up. */
  failed(address: string): Promise<void>;
  succeeded(address: string): void;
}

interface Guesses {
  count: number;
  lastAt: number;
}

const maxGuesses = 30;
const forgetAfterMs = 15 * minuteMs;
const maxAddresses = 10_000;
const freeGuesses = 3;
const maxWaitMs = 5_000;

export function createGuessBrake(now: Clock, waitMs: (ms: number) => Promise<void> = wait): GuessBrake {
  const guesses = new Map<string, Guesses>();

  const recent = (address: string): Guesses => {
    const known = guesses.get(address);
    if (known !== undefined && now() - known.lastAt < forgetAfterMs) return known;
    return { count: 0, lastAt: 0 };
  };

  return {
    allows: (address) => recent(address).count < maxGuesses,
    async failed(address) {
      const { count } = recent(address);
      guesses.delete(address);
      guesses.set(address, { count: count + 1, lastAt: now() });
      const oldest = guesses.keys().next();
      if (guesses.size > maxAddresses && !oldest.done) guesses.delete(oldest.value);
      if (count >= maxGuesses) {
        throw fail('rate_limit_exceeded', {
          message: 'Too many wrong credentials. Try again later.',
          retryAfterMs: forgetAfterMs,
        });
      }
      if (count >= freeGuesses) await waitMs(Math.min(maxWaitMs, 100 * 2 ** (count - freeGuesses)));
    },
    succeeded: (address) => void guesses.delete(address),
  };
}
