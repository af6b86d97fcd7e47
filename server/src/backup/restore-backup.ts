import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Config } from '../config.ts';
import { fail, type StowageError } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { type NamedObject, objectsOfFiles, objectsOfUploads } from '../core/scrub/named-objects.ts';
import { unfinishedRestoreFile } from '../data-folder.ts';
import { openSnapshot } from '../metadata/sqlite/sqlite-snapshot.ts';
import { checkRow } from './check-row.ts';
import { restoreObject } from './copy-objects.ts';
import {
  contentOf,
  copyFile,
  createFolderMaker,
  forEachOf,
  isMissing,
  isSame,
  syncFolder,
  writeDurably,
} from './files.ts';
import { fileOf, type LocalChannel, localChannelFor } from './local-channels.ts';
import {
  databaseFile,
  findBackup,
  keyFile,
  type Manifest,
  type NamedFile,
  type ObjectProblem,
  objectsFolder,
  readManifest,
} from './manifest.ts';

export interface RestoreOptions {
  readonly config: Config;
  /** A backup, or a folder of backups, of which the newest is used. */
  readonly source: string;
  readonly signal: AbortSignal;
}

export interface RestoreResult {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly objects: number;
  readonly bytes: number;
  /** Objects that are missing from the backup or damaged in it. */
  readonly problems: readonly ObjectProblem[];
}

/**
 * Restores a backup into an empty data folder. The database comes last. Until then the folder
 * carries a mark that keeps servers from starting, and running the same restore again resumes it.
 * Throws a `StowageError` with a sentence for the operator.
 */
export async function restoreBackup({
  config,
  source,
  signal,
}: RestoreOptions): Promise<RestoreResult> {
  if (config.databaseUrl !== undefined) {
    throw fail('bad_request', {
      message:
        'A backup holds a SQLite database, but DATABASE_URL names a PostgreSQL server: unset it, or restore that by pg_restore.',
    });
  }
  const folder = await findBackup(source);
  const manifest = await readManifest(folder);
  await assertWhole(folder, manifest.database);
  const locals = localChannels(manifest, config);
  await claimFolder(config.dataDir, folder, locals);
  const draft = join(config.dataDir, `${databaseFile}.restored`);
  await restoreFile(folder, manifest.database, draft);
  const copied = await restoreObjects({ folder, draft, locals, signal });
  if (manifest.secretKey !== null && config.secretKey === undefined) {
    await restoreFile(folder, manifest.secretKey, join(config.dataDir, keyFile));
  }
  await rename(draft, join(config.dataDir, databaseFile));
  await syncFolder(config.dataDir);
  await rm(join(config.dataDir, unfinishedRestoreFile));
  await syncFolder(config.dataDir);
  return { folder, manifest, ...copied };
}

function localChannels({ channels }: Manifest, config: Config): readonly LocalChannel[] {
  return channels
    .filter(({ isIncluded }) => isIncluded)
    .map((channel) => {
      const local = localChannelFor(channel, config);
      if (local !== undefined) {
        return local;
      }
      throw fail('bad_request', {
        message: `The backup holds objects of the local channel "${channel.name}", which is not configured: add it first, so that it is known where they belong.`,
      });
    });
}

/**
 * Marks the folders as being restored. Refuses folders that hold anything but an unfinished restore
 * of the same backup.
 */
async function claimFolder(
  dataDir: string,
  backup: string,
  locals: readonly LocalChannel[],
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const mark = join(dataDir, unfinishedRestoreFile);
  const unfinished = await readFile(mark, 'utf8').catch((error) =>
    isMissing(error) ? undefined : Promise.reject(error),
  );
  if (unfinished !== undefined) {
    if (unfinished === basename(backup)) {
      return;
    }
    throw fail('conflict', {
      message: `${dataDir} holds an unfinished restore of ${unfinished}: finish that one, or empty the folder first.`,
    });
  }
  for (const path of [dataDir, ...locals.map(({ root }) => root)]) {
    await assertEmpty(path);
  }
  await writeDurably(mark, Buffer.from(basename(backup)));
}

/** Every ext file system has this folder at its root. */
const ofTheFileSystem = new Set(['lost+found']);

async function assertEmpty(path: string): Promise<void> {
  const names = await readdir(path).catch((error) =>
    isMissing(error) ? [] : Promise.reject(error),
  );
  if (names.every((name) => ofTheFileSystem.has(name))) {
    return;
  }
  throw fail('conflict', {
    message: `${path} is not empty: a backup is restored into an empty folder only, and nothing is overwritten.`,
  });
}

/** Copies one of the named files. Refuses one that does not match the manifest. */
async function restoreFile(folder: string, named: NamedFile, to: string): Promise<void> {
  await rm(to, { force: true });
  if (!isSame(await copyFile(join(folder, named.file), to, named), named)) {
    throw notAsNamed(folder, named);
  }
}

/** Runs before anything is written. */
async function assertWhole(folder: string, named: NamedFile): Promise<void> {
  const content = await contentOf(join(folder, named.file)).catch((error) =>
    isMissing(error) ? undefined : Promise.reject(error),
  );
  if (content === undefined || !isSame(content, named)) {
    throw notAsNamed(folder, named);
  }
}

function notAsNamed(folder: string, named: NamedFile): StowageError {
  return fail('bad_request', {
    message: `${join(folder, named.file)} is damaged: it is not what the manifest says. Take an earlier backup.`,
  });
}

interface Restoring {
  readonly folder: string;
  readonly draft: string;
  readonly locals: readonly LocalChannel[];
  readonly signal: AbortSignal;
}

async function restoreObjects({
  folder,
  draft,
  locals,
  signal,
}: Restoring): Promise<Omit<RestoreResult, 'folder' | 'manifest'>> {
  const ids = locals.map(({ id }) => id);
  const folders = createFolderMaker();
  const problems: ObjectProblem[] = [];
  let objects = 0;
  let bytes = 0;
  const snapshot: MetadataStore = openSnapshot(draft);
  const restore = async ({ channelId, segment, blobId }: NamedObject): Promise<void> => {
    signal.throwIfAborted();
    const inRow = await checkRow(snapshot, segment);
    if (inRow !== undefined) {
      problems.push({ channelId, ...inRow });
    }
    const root = locals.find(({ id }) => id === channelId)?.root ?? '';
    const to = fileOf(root, segment);
    if (to === undefined) {
      return;
    }
    const path = relative(root, to);
    await folders.make(dirname(to));
    const outcome = await restoreObject({
      from: join(folder, objectsFolder, channelId, path),
      to,
      segment,
    });
    if (outcome === 'missing' || outcome === 'damaged') {
      if (blobId !== undefined || outcome === 'damaged') {
        problems.push({ channelId, path, problem: outcome });
      }
      return;
    }
    // A finished upload names the objects of its file again.
    if (outcome === 'kept' && blobId === undefined) {
      return;
    }
    objects++;
    bytes += segment.size;
  };
  try {
    await forEachOf(objectsOfFiles(snapshot, ids), restore);
    await forEachOf(objectsOfUploads(snapshot, ids), restore);
  } finally {
    await snapshot.close();
  }
  await folders.sync();
  return { objects, bytes, problems };
}
