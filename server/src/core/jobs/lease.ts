import { randomUUID } from 'node:crypto';
import { type Clock, minuteMs } from '../clock.ts';
import type { LeaseStore } from '../metadata.ts';

const leaseMs = 2 * minuteMs;
const renewMs = 20_000;

/** A lease of this process. */
export interface Lease {
  /** From now on it is renewed; it ends two minutes after this process. */
  keep(): void;
  /** False once it may have ended: the database was away for too long. */
  isHeld(): boolean;
  release(): Promise<void>;
}

/**
 * Undefined when another process has it. `firstMs`: how long it lasts before it is kept, for work
 * that blocks this process.
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
      // A renewal that fails may succeed the next time; `isHeld` looks at the clock.
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
