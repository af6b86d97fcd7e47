import { randomUUID } from 'node:crypto';
import { backupLease } from '../core/backup-hold.ts';
import { minuteMs } from '../core/clock.ts';
import { fail } from '../core/errors.ts';
import type { LeaseStore } from '../core/metadata.ts';

/** The snapshot blocks this process, which cannot renew the lease meanwhile. */
const firstMs = 15 * minuteMs;
const leaseMs = 2 * minuteMs;
const renewMs = 20_000;

export interface Hold {
  /** From now on the lease is renewed; ends soon after this process. */
  keep(): void;
  /** Throws when deletions are no longer held: what the snapshot names may be gone. */
  assertHeld(): void;
  release(): Promise<void>;
}

/** Keeps running servers from removing objects. Throws `conflict` while another backup does. */
export async function holdDeletions(leases: LeaseStore): Promise<Hold> {
  const owner = randomUUID();
  const take = (ms: number) => leases.take({ name: backupLease, owner, now: Date.now(), until: Date.now() + ms });
  if (!(await take(firstMs)))
    throw fail('conflict', {
      message: 'Another backup of this library is being made, or was killed: then its claim ends within 15 minutes.',
    });
  let timer: NodeJS.Timeout | undefined;
  let heldUntil = Date.now() + firstMs;
  const renew = async (): Promise<void> => {
    const until = Date.now() + leaseMs;
    if (await take(leaseMs)) heldUntil = until;
  };
  return {
    keep() {
      // A renewal that fails may succeed the next time; `assertHeld` looks at the clock.
      const beat = (): void => void renew().catch(() => undefined);
      beat();
      timer ??= setInterval(beat, renewMs);
    },
    assertHeld() {
      if (Date.now() >= heldUntil)
        throw fail('service_unavailable', {
          message: 'The database was away for too long to hold deletions back: start the backup again.',
        });
    },
    async release() {
      clearInterval(timer);
      await leases.release(backupLease, owner);
    },
  };
}
