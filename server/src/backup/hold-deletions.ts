import { minuteMs } from '../core/clock.ts';
import { fail } from '../core/errors.ts';
import { backupLease } from '../core/jobs/backup-hold.ts';
import { takeLease } from '../core/jobs/lease.ts';
import type { LeaseStore } from '../core/metadata.ts';

/** The snapshot blocks this process, which cannot renew the lease meanwhile. */
const firstMs = 15 * minuteMs;

export interface Hold {
  /** Call it once the snapshot exists. From then on, the hold ends soon after this process. */
  keep(): void;
  /** Throws when deletions are no longer held, so that objects in the snapshot may be gone. */
  assertHeld(): void;
  release(): Promise<void>;
}

/**
 * Keeps running servers from removing objects. Throws `conflict` while another backup holds them.
 */
export async function holdDeletions(leases: LeaseStore): Promise<Hold> {
  const lease = await takeLease(leases, { name: backupLease, now: Date.now, firstMs });
  if (lease === undefined) {
    throw fail('conflict', {
      message:
        'Another backup of this library is being made, or was killed: then its claim ends within 15 minutes.',
    });
  }
  return {
    keep: lease.keep,
    assertHeld() {
      if (!lease.isHeld()) {
        throw fail('service_unavailable', {
          message:
            'The database was away for too long to hold deletions back: start the backup again.',
        });
      }
    },
    release: lease.release,
  };
}
