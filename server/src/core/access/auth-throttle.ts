import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import { fail } from '../errors.ts';
import { wait } from '../guard/pacer.ts';
import { type Networks, networksOf } from './network.ts';

/** Counted apart: wrong tokens say nothing about codes. */
export type SecretKind = 'code' | 'token';

/** What a guess is counted under. */
export interface GuessPlace {
  readonly kind: SecretKind;
  readonly address: string;
}

/**
 * Slows guessing down, by network, and never shuts a right secret out: right and wrong ones from
 * one place wait alike before any response, at most `maxWaitMs`. So neither the time nor a missing
 * refusal gives anything away (docs/decisions/011-guess-brake.md).
 */
export interface AuthThrottle {
  /**
   * For a right secret. Resolves after the wait of the place; then its few wrong ones are forgiven.
   */
  passed(place: GuessPlace): Promise<void>;
  /**
   * Notes wrong secrets, of which each counts once however often it is repeated. Resolves after the
   * wait of the place; throws `rate_limit_exceeded` after it when the place has used up its
   * guesses.
   */
  failed(place: GuessPlace, secrets: readonly string[]): Promise<void>;
}

interface Limit {
  /** Guesses that cost no time. */
  readonly free: number;
  /** Guesses after which the wait doubles, from then on. */
  readonly step: number;
  readonly max: number;
}

const nearLimit: Limit = { free: 3, step: 1, max: 30 };
const wideLimit: Limit = { free: 10, step: 4, max: 60 };
/** Over all networks: slows those down that were never right, stops none. */
const globalLimit: Limit = { free: 60, step: 20, max: 180 };

const windowMs = 15 * minuteMs;
const firstWaitMs = 100;
const maxWaitMs = 2_000;
const maxNetworks = 10_000;

export function createAuthThrottle(
  now: Clock,
  waitMs: (ms: number) => Promise<void> = wait,
): AuthThrottle {
  // Of this process only: what stays in memory is no use for trying secrets elsewhere.
  const key = randomBytes(32);
  const mark = (secret: string): number =>
    createHmac('sha256', key).update(secret).digest().readUInt32BE(0) >>> 1;
  const counted = { code: createPlaces(now), token: createPlaces(now) };
  const pause = async (ms: number): Promise<void> => void (ms > 0 && (await waitMs(ms)));

  return {
    async passed({ kind, address }) {
      const networks = networksOf(address);
      await pause(counted[kind].waitOf(networks));
      counted[kind].forgive(networks);
    },
    async failed({ kind, address }, secrets) {
      const places = counted[kind];
      const networks = networksOf(address);
      // What came before decides, as for a right secret; but counted before the wait, so that
      // guesses made at once do not share it.
      const before = { ms: places.waitOf(networks), retryAfterMs: places.usedUpFor(networks) };
      for (const secret of secrets) {
        places.note(networks, mark(secret));
      }
      await pause(before.ms);
      if (before.retryAfterMs === 0) {
        return;
      }
      throw fail('rate_limit_exceeded', {
        message: 'Too many wrong credentials. Try again later.',
        retryAfterMs: before.retryAfterMs,
      });
    },
  };
}

/** The guesses of one kind of secret, by network. */
function createPlaces(now: Clock) {
  const near = createTallies(nearLimit, now);
  const wide = createTallies(wideLimit, now);
  const all = createTallies(globalLimit, now);
  const known = new Set<string>();
  const everywhere = '';

  return {
    waitOf(networks: Networks): number {
      const waits = [
        near.waitOf(networks.near),
        networks.wide === undefined ? 0 : wide.waitOf(networks.wide),
      ];
      // Guessing from elsewhere does not slow down those who have proven themselves.
      if (!known.has(networks.near)) {
        waits.push(all.waitOf(everywhere));
      }
      return Math.max(...waits);
    },
    usedUpFor: (networks: Networks): number =>
      Math.max(
        near.usedUpFor(networks.near),
        networks.wide === undefined ? 0 : wide.usedUpFor(networks.wide),
      ),
    /**
     * What no longer counts in a network counts no further either: one network alone must not slow
     * down all others.
     */
    note(networks: Networks, mark: number): void {
      if (!near.note(networks.near, mark)) {
        return;
      }
      if (networks.wide !== undefined && !wide.note(networks.wide, mark)) {
        return;
      }
      all.note(everywhere, mark);
    },
    forgive(networks: Networks): void {
      near.forgive(networks.near);
      remember(known, networks.near);
    },
  };
}

function remember(known: Set<string>, network: string): void {
  known.delete(network);
  known.add(network);
  const [oldest] = known;
  if (known.size > maxNetworks && oldest !== undefined) {
    known.delete(oldest);
  }
}

interface Tally {
  /** Marks of different wrong secrets, `max` at most. */
  readonly marks: number[];
  endsAt: number;
}

/** Distinct wrong secrets of each network; those of the networks that guessed last. */
function createTallies({ free, step, max }: Limit, now: Clock) {
  const tallies = new Map<string, Tally>();

  const current = (network: string): Tally | undefined => {
    const tally = tallies.get(network);
    if (tally === undefined || now() < tally.endsAt) {
      return tally;
    }
    tallies.delete(network);
    return undefined;
  };
  const keep = (network: string, tally: Tally): void => {
    tallies.delete(network);
    tallies.set(network, tally);
    const oldest = tallies.keys().next();
    if (tallies.size > maxNetworks && !oldest.done) {
      tallies.delete(oldest.value);
    }
  };

  return {
    waitOf(network: string): number {
      const count = current(network)?.marks.length ?? 0;
      return count < free
        ? 0
        : Math.min(maxWaitMs, firstWaitMs * 2 ** Math.floor((count - free) / step));
    },
    /** For how long the guesses remain used up; 0 when they are not. */
    usedUpFor(network: string): number {
      const tally = current(network);
      return tally !== undefined && tally.marks.length >= max ? tally.endsAt - now() : 0;
    },
    /**
     * False when it is not counted: the guesses are used up, and the window ends when it was going
     * to end.
     */
    note(network: string, mark: number): boolean {
      const tally = current(network) ?? { marks: [], endsAt: 0 };
      if (tally.marks.length >= max) {
        return false;
      }
      if (!tally.marks.includes(mark)) {
        tally.marks.push(mark);
        tally.endsAt = now() + windowMs;
      }
      keep(network, tally);
      return true;
    },
    forgive(network: string): void {
      if ((current(network)?.marks.length ?? 0) < max) {
        tallies.delete(network);
      }
    },
  };
}
