import type { Clock } from './clock.ts';

export interface OpenUploadLimit {
  /** Whether the owner may begin one more upload. */
  admits(owner: string): Promise<boolean>;
}

export interface OpenUploadLimitOptions {
  readonly max: number;
  /** Counts the owner's open uploads, those of other nodes included. */
  readonly count: (owner: string) => Promise<number>;
  readonly now: Clock;
}

const validMs = 5000;
const maxOwners = 10_000;

/**
 * A limit that does not count at every start, as counting takes longer the more there are: after each count, half of what is left is given
 * out unseen. One node never exceeds the limit; several may for some seconds, together.
 */
export function createOpenUploadLimit({ max, count, now }: OpenUploadLimitOptions): OpenUploadLimit {
  const allowances = new Map<string, { left: number; readonly until: number }>();
  return {
    async admits(owner) {
      const allowance = allowances.get(owner);
      if (allowance !== undefined && allowance.left > 0 && now() < allowance.until) {
        allowance.left--;
        return true;
      }
      const left = max - (await count(owner));
      if (allowances.size >= maxOwners) allowances.clear();
      allowances.set(owner, { left: Math.floor((left - 1) / 2), until: now() + validMs });
      return left > 0;
    },
  };
}
