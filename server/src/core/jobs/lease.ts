import { randomUUID } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import type { LeaseStore } from '../metadata.ts';

const leaseMs = 2 * minuteMs;
const renewMs = 20_000;

/** A lease of this process. */
export interface Lease {
  /** Starts renewing the lease. It ends two minutes after this process. */
  keep(): void;
  /** False once the lease may have ended because the database was unreachable for too long. */
  isHeld(): boolean;
  release(): Promise<void>;
}

/**
 * Undefined when another process holds the lease. `firstMs` is how long it lasts before `keep`, for
 * work that blocks this process.
 */
export async function takeLease(
  leases: LeaseStore,
  {
    name,
    now,
    firstMs = leaseMs,
  }: { readonly name: string; readonly now: Clock; readonly firstMs?: number },
): Promise<Lease | undefined> {
  const owner = randomUUID();
  let heldUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  const take = async (ms: number): Promise<boolean> => {
    const until = now() + ms;
    const isOurs = await leases.take({ name, owner, now: now(), until });
    if (isOurs) {
      heldUntil = until;
    }
    return isOurs;
  };
  if (!(await take(firstMs))) {
    return undefined;
  }
  return {
    keep() {
      // A failed renewal may succeed the next time. `isHeld` checks the clock.
      const renew = (): void => void take(leaseMs).catch(() => undefined);
      renew();
      timer ??= setInterval(renew, renewMs).unref();
    },
    isHeld: () => now() < heldUntil,
    async release() {
      clearInterval(timer);
      await leases.release(name, owner);
    },
  };
}
