import type { Clock } from '../clock.ts';
import type { LeaseStore } from '../metadata.ts';

/** The lease that a backup holds while it copies what its snapshot of the database names. */
export const backupLease = 'backup';

const removals = ['delete_object', 'reclaim_object'] as const;

/**
 * Kinds of jobs that wait until a backup is done, because they remove objects that it may not have
 * copied yet.
 */
export function heldByBackup(
  leases: Pick<LeaseStore, 'isHeld'>,
  now: Clock,
): () => Promise<readonly string[]> {
  return async () => ((await leases.isHeld(backupLease, now())) ? removals : []);
}
