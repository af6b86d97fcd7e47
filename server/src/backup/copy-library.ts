import { rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Config } from '../config.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { type NamedObject, objectsOfFiles, objectsOfUploads } from '../core/scrub/named-objects.ts';
import { openSnapshot, snapshotSqlite } from '../metadata/sqlite/sqlite-snapshot.ts';
import { checkRow } from './check-row.ts';
import { backUpObject, type CopyOutcome } from './copy-objects.ts';
import { createFolderMaker, forEachOf } from './files.ts';
import type { Hold } from './hold-deletions.ts';
import { fileOf, type LocalChannel, localChannelsOf } from './local-channels.ts';
import { databaseFile, type ObjectProblem, objectsFolder } from './manifest.ts';

export interface Copying {
  readonly options: {
    readonly config: Config;
    readonly metadata: MetadataStore;
    readonly signal: AbortSignal;
  };
  readonly partial: string;
  readonly earlier: string | undefined;
  readonly hold: Hold;
}

/** What a backup holds. */
export interface Found {
  readonly locals: readonly LocalChannel[];
  readonly problems: readonly ObjectProblem[];
  /** By channel. */
  readonly sums: ReadonlyMap<string, { objects: number; bytes: number }>;
  readonly counts: Readonly<Record<CopyOutcome, number>>;
}

const maxRounds = 3;

/**
 * Copies until nothing is missing except what the library itself has lost. An object that vanished
 * in spite of the hold belongs to a deleted file, so a newer snapshot no longer names it and needs
 * little beyond what is already copied.
 */
export async function copyLibrary(copying: Copying): Promise<Found> {
  const { options, partial, hold } = copying;
  const locals = await localChannelsOf(options.config, options.metadata.channels);
  for (let round = 1; ; round++) {
    const database = join(partial, databaseFile);
    await rm(database, { force: true });
    snapshotSqlite(join(options.config.dataDir, databaseFile), database);
    hold.keep();
    const snapshot = openSnapshot(database);
    try {
      const found = await copyObjects(copying, snapshot, locals);
      const stale = round < maxRounds && (await isAnyDeleted(found.missingBlobs, options.metadata));
      if (!stale) {
        return found;
      }
    } finally {
      await snapshot.close();
    }
  }
}

async function isAnyDeleted(
  blobIds: ReadonlySet<string>,
  { replicas }: MetadataStore,
): Promise<boolean> {
  for (const id of blobIds) {
    if ((await replicas.ofBlob(id)).length === 0) {
      return true;
    }
  }
  return false;
}

async function copyObjects(
  { options, partial, earlier, hold }: Copying,
  snapshot: MetadataStore,
  locals: readonly LocalChannel[],
) {
  const ids = locals.map(({ id }) => id);
  const folders = createFolderMaker();
  const counts: Record<CopyOutcome, number> = {
    copied: 0,
    linked: 0,
    kept: 0,
    missing: 0,
    damaged: 0,
  };
  const sums = new Map(ids.map((id) => [id, { objects: 0, bytes: 0 }]));
  const problems: ObjectProblem[] = [];
  const missingBlobs = new Set<string>();

  const copy = async ({ channelId, segment, blobId }: NamedObject): Promise<void> => {
    options.signal.throwIfAborted();
    hold.assertHeld();
    const inRow = await checkRow(snapshot, segment);
    if (inRow !== undefined && blobId !== undefined) {
      problems.push({ channelId, ...inRow });
    }
    const root = locals.find(({ id }) => id === channelId)?.root ?? '';
    const from = fileOf(root, segment);
    if (from === undefined) {
      return;
    }
    const path = join(objectsFolder, channelId, relative(root, from));
    const to = join(partial, path);
    await folders.make(dirname(to));
    const outcome = await backUpObject({
      from,
      to,
      segment,
      earlier: earlier && join(earlier, path),
    });
    counts[outcome]++;
    if (outcome === 'missing' || outcome === 'damaged') {
      // An upload may remove it at any time. The merge or the next attempt notices.
      if (blobId === undefined) {
        return;
      }
      problems.push({ channelId, path: relative(root, from), problem: outcome });
      if (outcome === 'missing') {
        missingBlobs.add(blobId);
      }
      return;
    }
    const sum = sums.get(channelId);
    // A finished upload names the objects of its file again.
    if (sum === undefined || (outcome === 'kept' && blobId === undefined)) {
      return;
    }
    sum.objects++;
    sum.bytes += segment.size;
  };
  await forEachOf(objectsOfFiles(snapshot, ids), copy);
  await forEachOf(objectsOfUploads(snapshot, ids), copy);
  await folders.sync();
  return { locals, problems, sums, counts, missingBlobs };
}
