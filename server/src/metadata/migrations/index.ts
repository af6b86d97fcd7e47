import type { Compilable } from 'kysely';
import type { Flavor } from '../flavor.ts';
import { createTables } from './0001-create-tables.ts';
import { spentPaths } from './0002-spent-paths.ts';
import { scrubAndLeases } from './0003-scrub-and-leases.ts';
import { uploadLimits } from './0004-upload-limits.ts';
import { jobLeases } from './0005-job-leases.ts';
import { uploadKinds } from './0006-upload-kinds.ts';
import { findBySha256 } from './0007-find-by-sha256.ts';
import { accountsAndSessions } from './0008-accounts-and-sessions.ts';
import { libraryIndex } from './0009-library-index.ts';
import { storedChannels } from './0010-stored-channels.ts';
import { blockedAddresses } from './0014-blocked-addresses.ts';
import { smallObjects } from './0015-small-objects.ts';

/**
 * One step in the history of the schema. Never changed once released. A later migration fixes its
 * mistakes.
 */
export interface Migration {
  readonly name: string;
  readonly steps: (flavor: Flavor) => readonly Compilable[];
}

/** In the order in which they run. */
export const migrations: readonly Migration[] = [
  createTables,
  spentPaths,
  scrubAndLeases,
  uploadLimits,
  jobLeases,
  uploadKinds,
  findBySha256,
  accountsAndSessions,
  libraryIndex,
  storedChannels,
  blockedAddresses,
  smallObjects,
];
