import { isDeepStrictEqual } from 'node:util';
import { fail, isStowageError } from '../errors.ts';
import type { MetadataStore, Replica } from '../metadata.ts';
import { asPath } from '../naming/file-id.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import { openContent } from '../storage/read-content.ts';
import { type FileBackup, readFileBackup } from './file-backup.ts';
import { administrator } from './files.ts';

export interface RestoreDeps {
  readonly metadata: Pick<MetadataStore, 'files' | 'replicas' | 'records'>;
  readonly pool: ChannelPool;
}

export interface RowToRestore {
  readonly path: string;
  /** As `writeFileBackup` wrote it. */
  readonly backup: unknown;
  readonly signal: AbortSignal;
}

/**
 * Makes a row of a backup a file again, when its bytes are still where they were. A file that is
 * there already is a success. Never replaces anything. Fails with `validation_error` for what is no
 * row of ours, `conflict` when path or id belong to another file, `not_found` when no channel here
 * has the bytes, and as reading them does.
 */
export async function restoreFile(row: RowToRestore, deps: RestoreDeps): Promise<void> {
  const path = asPath(row.path);
  if (path === undefined || path !== row.path) {
    throw fail('validation_error', { message: 'The id can be no path.' });
  }
  const backup = readFileBackup(row.backup);
  const present = await deps.metadata.files.getByPath(path);
  if (present !== undefined && present.blob.id === backup.blob.id) {
    return;
  }
  if (present !== undefined || (await deps.metadata.files.get(backup.file.id)) !== undefined) {
    throw fail('conflict', { message: 'The path or the id belongs to another file.' });
  }
  const replica = replicaOf(backup, deps);
  await assertUsable(backup, replica, deps);
  await assertThere(backup, replica, { signal: row.signal, pool: deps.pool });
  await deps.metadata.files.add({
    file: { ...backup.file, owner: administrator },
    blob: backup.blob,
    replica,
    path: (attempt) => (attempt === 0 ? path : undefined),
  });
}

/** The first copy whose channel is configured here. */
function replicaOf({ blob, copies }: FileBackup, { pool }: RestoreDeps): Replica {
  for (const { channel, segments } of copies) {
    const here = pool
      .all()
      .find(({ type, name }) => type === channel.type && name === channel.name);
    if (here !== undefined) {
      return { blobId: blob.id, channelId: here.id, segments, state: 'ok' };
    }
  }
  throw fail('not_found', { message: 'No channel here has the bytes of this file.' });
}

/** The bytes must be those of the blob, also when the library knows it already, and must stay. */
async function assertUsable(
  { blob }: FileBackup,
  { channelId, segments }: Replica,
  { metadata }: RestoreDeps,
): Promise<void> {
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  if (size !== blob.size) {
    throw fail('validation_error', { message: 'The sizes do not add up.' });
  }
  const known = await metadata.replicas.ofBlob(blob.id);
  const same = (replica: Replica) =>
    replica.channelId === channelId && isDeepStrictEqual(replica.segments, segments);
  if (known.length > 0 && !known.some(same)) {
    throw fail('conflict', { message: 'The bytes of this file are stored elsewhere.' });
  }
  const refs = segments.map(({ ref }) => ref);
  if (await metadata.records.isBeingRemoved(channelId, refs)) {
    throw fail('conflict', { message: 'The bytes of this file are being removed.' });
  }
}

/** Reads a byte: what is gone must not become a file. */
async function assertThere(
  { blob }: FileBackup,
  replica: Replica,
  { signal, pool }: { readonly signal: AbortSignal; readonly pool: ChannelPool },
): Promise<void> {
  if (blob.size === 0) {
    return;
  }
  try {
    const range = { start: 0, end: 0 };
    const { stream } = await openContent(pool, { blob, replicas: [replica] }, { range, signal });
    for await (const _ of stream) {
      break;
    }
  } catch (error) {
    if (isStowageError(error, 'not_found') || isStowageError(error, 'channel_unavailable')) {
      throw fail('not_found', {
        message: 'The bytes of this file cannot be read.',
        cause: error,
      });
    }
    throw error;
  }
}
