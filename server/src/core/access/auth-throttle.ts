import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import { fail } from '../errors.ts';
import { wait } from '../guard/wait.ts';
import { type Networks, networksOf } from './network.ts';

/** Counted separately: wrong tokens reveal nothing about codes. */
export type SecretKind = 'code' | 'token' | 'password';

/** What a guess is counted by. */
export interface GuessPlace {
  readonly kind: SecretKind;
  readonly address: string;
  /** Guesses at one account from everywhere count together as well. */
  readonly account?: string | undefined;
}

/**
 * Slows down guessing, by network, and never locks out a right secret: right and wrong secrets from
 * one network wait equally long before any response, at most `maxWaitMs`. So neither the time nor a
 * missing rejection reveals anything (docs/decisions/011-guess-brake.md).
 */
export interface AuthThrottle {
  /**
   * Reports a right secret. Resolves after the network's wait, then forgives its few wrong ones.
   */
  passed(place: GuessPlace): Promise<void>;
  /**
   * Records wrong secrets. Each distinct secret counts once. Resolves after the network's wait;
   * throws `rate_limit_exceeded` after it when the network has used up its guesses.
   */
  failed(place: GuessPlace, secrets: readonly string[]): Promise<void>;
}

interface Limit {
  /** Guesses without a wait. */
  readonly free: number;
  /** Number of further guesses after which the wait doubles. */
  readonly step: number;
  readonly max: number;
}

const nearLimit: Limit = { free: 3, step: 1, max: 30 };
const wideLimit: Limit = { free: 10, step: 4, max: 60 };
/** Over all networks: slows down networks that were never right, blocks none. */
const globalLimit: Limit = { free: 60, step: 20, max: 180 };

/** Over all networks, at one account: slows down networks that were never right, blocks none. */
const accountLimit: Limit = { free: 10, step: 5, max: 60 };

const windowMs = 15 * minuteMs;
const firstWaitMs = 100;
const maxWaitMs = 2_000;
const maxNetworks = 10_000;

export function createAuthThrottle(
  now: Clock,
  waitMs: (ms: number) => Promise<void> = wait,
): AuthThrottle {
  // Lives only in this process: marks in a memory dump are of no use for testing secrets elsewhere.
  const key = randomBytes(32);
  const mark = (secret: string): number =>
    createHmac('sha256', key).update(secret).digest().readUInt32BE(0) >>> 1;
  const counted = {
    code: createPlaces(now),
    token: createPlaces(now),
    password: createPlaces(now),
  };
  const pause = async (ms: number): Promise<void> => void (ms > 0 && (await waitMs(ms)));

  return {
    async passed({ kind, address, account }) {
      const networks = networksOf(address);
      await pause(counted[kind].waitOf(networks, account));
      counted[kind].forgive(networks);
    },
    async failed({ kind, address, account }, secrets) {
      const places = counted[kind];
      const networks = networksOf(address);
      // Earlier guesses decide, as for a right secret. The guess is counted before the wait, so
      // that concurrent guesses do not share a wait.
      const before = {
        ms: places.waitOf(networks, account),
        retryAfterMs: places.usedUpFor(networks),
      };
      for (const secret of secrets) {
        places.note(networks, account, mark(secret));
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
  const ofAccount = createTallies(accountLimit, now);
  const known = new Set<string>();
  const everywhere = '';

  return {
    waitOf(networks: Networks, account: string | undefined): number {
      const waits = [
        near.waitOf(networks.near),
        networks.wide === undefined ? 0 : wide.waitOf(networks.wide),
      ];
      // Guessing from other networks does not slow down networks that have been right.
      if (!known.has(networks.near)) {
        waits.push(all.waitOf(everywhere));
        waits.push(account === undefined ? 0 : ofAccount.waitOf(account));
      }
      return Math.max(...waits);
    },
    usedUpFor: (networks: Networks): number =>
      Math.max(
        near.usedUpFor(networks.near),
        networks.wide === undefined ? 0 : wide.usedUpFor(networks.wide),
      ),
    /**
     * A guess that no longer counts in its network does not count globally either: a single network
     * must not slow down all others.
     */
    note(networks: Networks, account: string | undefined, mark: number): void {
      if (!near.note(networks.near, mark)) {
        return;
      }
      if (networks.wide !== undefined && !wide.note(networks.wide, mark)) {
        return;
      }
      all.note(everywhere, mark);
      if (account !== undefined) {
        ofAccount.note(account, mark);
      }
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

/** Distinct wrong secrets of each network, for the networks that guessed most recently. */
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
     * False when the guess is not counted because the guesses are used up. The end of the window
     * does not move.
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
