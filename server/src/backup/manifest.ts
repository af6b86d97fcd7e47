import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fail } from '../core/errors.ts';
import { writeDurably } from './files.ts';

/** Names of files inside a backup. */
const manifestFile = 'manifest.json';
export const databaseFile = 'stowage.db';
export const keyFile = 'secret.key';
export const configFile = 'stowage.config.json';
export const objectsFolder = 'objects';

/** Prefix of the folder of an unfinished backup, which has no manifest. */
export const partialPrefix = '.partial-';

const namedFile = z.object({ file: z.string(), bytes: z.number(), blake3: z.string() });

const objectProblem = z.object({
  channelId: z.string(),
  path: z.string(),
  problem: z.enum(['missing', 'damaged']),
});

/**
 * The contents of a backup. Written last, so a folder without it is not a backup. The hash of every
 * object is in the database, and the hash of the database is here.
 */
const manifest = z.object({
  format: z.literal('stowage-backup'),
  formatVersion: z.literal(1),
  stowageVersion: z.string(),
  createdAt: z.string(),
  /** The same for all backups of one library. */
  library: z.string(),
  database: namedFile,
  /** Null when the key comes from the configuration or the environment. */
  secretKey: namedFile.nullable(),
  config: namedFile.nullable(),
  /** Names of the environment variables that were set, without their values. */
  environment: z.array(z.string()),
  channels: z.array(
    z.object({
      id: z.string(),
      type: z.string(),
      name: z.string(),
      /** Whether the objects are in the backup. Remote objects stay where they are. */
      isIncluded: z.boolean(),
      blobs: z.number(),
      objects: z.number(),
      bytes: z.number(),
    }),
  ),
  /** Objects that the library had already lost. */
  problems: z.array(objectProblem),
});

export type Manifest = Readonly<z.infer<typeof manifest>>;
export type NamedFile = Readonly<z.infer<typeof namedFile>>;
export type ObjectProblem = Readonly<z.infer<typeof objectProblem>>;

export function writeManifest(folder: string, content: Manifest): Promise<void> {
  return writeDurably(
    join(folder, manifestFile),
    Buffer.from(`${JSON.stringify(content, null, 2)}\n`),
  );
}

export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestFile);
  try {
    return manifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw fail('bad_request', {
      message: `${path} is not the manifest of a backup that this version can read.`,
      cause,
    });
  }
}

/** The complete backups in a folder, oldest first. Their names are times. */
export async function listBackups(target: string): Promise<readonly string[]> {
  const entries = await readdir(target, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && /^\d{4}-\d{2}-\d{2}T/.test(entry.name))
    .map(({ name }) => name);
  return names.sort().map((name) => join(target, name));
}

/** `source` itself if it is a backup, otherwise the newest backup in it. */
export async function findBackup(source: string): Promise<string> {
  const names = await readdir(source).catch((cause: Error) => {
    throw fail('bad_request', { message: `${source} cannot be read: ${cause.message}.`, cause });
  });
  const newest = names.includes(manifestFile) ? source : (await listBackups(source)).at(-1);
  if (newest === undefined) {
    throw fail('bad_request', { message: `There is no complete backup in ${source}.` });
  }
  return newest;
}
