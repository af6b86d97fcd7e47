import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { localRoot } from '../channels/local/index.ts';
import type { Config } from '../config.ts';
import { fail } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { uuidv7 } from '../core/uuid.ts';
import { openSnapshot } from '../metadata/sqlite/sqlite-snapshot.ts';
import { copyLibrary, type Found } from './copy-library.ts';
import { contentOf, isMissing, realPathOf, syncFile, syncFolder, writeDurably } from './files.ts';
import { holdDeletions } from './hold-deletions.ts';
import {
  configFile,
  databaseFile,
  keyFile,
  listBackups,
  type Manifest,
  type NamedFile,
  partialPrefix,
  readManifest,
  writeManifest,
} from './manifest.ts';

export interface BackupOptions {
  readonly config: Config;
  /** Of the library. Already migrated. */
  readonly metadata: MetadataStore;
  readonly target: string;
  /** Copies every object instead of linking those of the previous backup. */
  readonly full: boolean;
  /** Names of the environment variables that configure the server. */
  readonly environment: readonly string[];
  readonly signal: AbortSignal;
}

export interface BackupResult {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly copied: number;
  readonly linked: number;
}

/**
 * Makes one complete backup in its own folder below `target` while servers run: first a snapshot of
 * the database, then every object that it names. The folder gets its final name only when
 * everything is on disk. Throws a `StowageError` with a sentence for the operator, and then leaves
 * only earlier backups.
 */
export async function makeBackup(options: BackupOptions): Promise<BackupResult> {
  const target = resolve(options.target);
  await assertOutside(target, options.config);
  await mkdir(target, { recursive: true, mode: 0o700 });
  const library = String(
    await options.metadata.settings.setIfAbsent('library.id', uuidv7(Date.now())),
  );
  const earlier = await earlierBackup(target, library);
  const createdAt = new Date();
  const name = createdAt.toISOString().replaceAll(/[:.]/g, '-');
  const partial = join(target, `${partialPrefix}${name}`);
  const hold = await holdDeletions(options.metadata.leases);
  try {
    await removePartial(target);
    await mkdir(partial, { mode: 0o700 });
    const found = await copyLibrary({
      options,
      partial,
      earlier: options.full ? undefined : earlier,
      hold,
    });
    const manifest = await describe({ options, partial, library, createdAt, found });
    await writeManifest(partial, manifest);
    hold.assertHeld();
    const folder = join(target, name);
    await rename(partial, folder);
    await syncFolder(target);
    return { folder, manifest, copied: found.counts.copied, linked: found.counts.linked };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    await hold.release();
  }
}

/** Resolves links first. */
async function assertOutside(target: string, { dataDir, channels }: Config): Promise<void> {
  const real = await realPathOf(target);
  const folders = channels
    .filter(({ type }) => type === 'local')
    .map(({ settings }) => localRoot(settings, dataDir));
  for (const folder of [dataDir, ...folders]) {
    const path = relative(await realPathOf(folder), real);
    if (path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) {
      continue;
    }
    throw fail('bad_request', {
      message: `The backup must not lie in the ${folder === dataDir ? 'data folder' : 'folder of a local channel'} ${folder}, or it is lost together with it.`,
    });
  }
}

async function earlierBackup(target: string, library: string): Promise<string | undefined> {
  const newest = (await listBackups(target)).at(-1);
  if (newest === undefined) {
    return undefined;
  }
  if ((await readManifest(newest)).library !== library) {
    throw fail('bad_request', {
      message: `${target} holds backups of another library: choose a folder of its own.`,
    });
  }
  return newest;
}

/**
 * Removes what a killed backup left. The hold guarantees that no other backup of this library is
 * running.
 */
async function removePartial(target: string): Promise<void> {
  const partial = (await readdir(target)).filter((name) => name.startsWith(partialPrefix));
  for (const name of partial) {
    await rm(join(target, name), { recursive: true, force: true });
  }
}

interface Describing {
  readonly options: BackupOptions;
  readonly partial: string;
  readonly library: string;
  readonly createdAt: Date;
  readonly found: Found;
}

async function describe({
  options,
  partial,
  library,
  createdAt,
  found,
}: Describing): Promise<Manifest> {
  const { config } = options;
  const snapshot = openSnapshot(join(partial, databaseFile));
  try {
    const known = await snapshot.channels.list();
    const unknown = found.locals.filter(({ id }) => !known.some((channel) => channel.id === id));
    const all = [...known, ...unknown.map((channel) => ({ ...channel, type: 'local' }))];
    const channels = all.map(async ({ id, type, name }) => ({
      id,
      type,
      name,
      isIncluded: found.sums.has(id),
      blobs: (await snapshot.files.usage(id)).blobs,
      ...(found.sums.get(id) ?? { objects: 0, bytes: 0 }),
    }));
    return {
      format: 'stowage-backup',
      formatVersion: 1,
      stowageVersion: packageJson.version,
      library,
      createdAt: createdAt.toISOString(),
      database: await describeFile(partial, databaseFile),
      secretKey: await keep(join(config.dataDir, keyFile), partial, keyFile),
      config:
        config.configFile === undefined ? null : await keep(config.configFile, partial, configFile),
      environment: [...options.environment],
      channels: await Promise.all(channels),
      problems: [...found.problems],
    };
  } finally {
    await snapshot.close();
  }
}

/** Copies a file if it exists. */
async function keep(from: string, folder: string, name: string): Promise<NamedFile | null> {
  try {
    await writeDurably(join(folder, name), await readFile(from));
    return await describeFile(folder, name);
  } catch (error) {
    if (isMissing(error)) {
      return null;
    }
    throw error;
  }
}

async function describeFile(folder: string, name: string): Promise<NamedFile> {
  await syncFile(join(folder, name));
  return { file: name, ...(await contentOf(join(folder, name))) };
}
