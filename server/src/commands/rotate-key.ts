import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { fail } from '../core/errors.ts';
import { silentLog } from '../core/log.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { resealSecrets } from '../core/settings/rotate-key.ts';
import { rowOf } from '../core/settings/runtime-settings.ts';
import { createSecretBox, type SecretBox } from '../core/settings/secret-box.ts';
import { lockDataFolder } from '../data-folder-lock.ts';
import { acceptSecretKey } from '../nodes.ts';
import { loadSecretKey } from '../secret-key.ts';
import { loadConfigOrExplain } from './load.ts';
import { readArguments } from './read-arguments.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage rotate-key
  stowage rotate-key --old-key-file FILE

Encrypts the secrets in the database with a new key. Stop the server first, on every node.
Without STOWAGE_SECRET_KEY it makes a new key file in the data folder. With it, set the new key
there and give the old one as a file. Upload addresses that were given out stop working.

  --old-key-file FILE   the key that the secrets are encrypted with now, such as data/secret.key
`;

const newKeyBytes = 48;

export async function rotateKey(args: readonly string[]): Promise<number> {
  const given = readArguments(args, { usage, options: { 'old-key-file': { type: 'string' } } });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const oldKeyFile = given.values['old-key-file'];
  return withMetadata(config, async (metadata) => {
    const lock = lockDataFolder(config.dataDir, silentLog);
    try {
      const count = await (config.secretKey === undefined
        ? rotateFile(config, metadata)
        : rotateConfigured(config.secretKey, oldKeyFile, metadata));
      process.stdout.write(`The secrets of ${count} channels are encrypted with the new key.\n`);
      return 0;
    } finally {
      lock.release();
    }
  });
}

/**
 * The new key is on the disk before anything is encrypted with it, and stands in for the old one
 * afterwards. An interrupted run is completed by the next one.
 */
async function rotateFile(config: Config, metadata: MetadataStore): Promise<number> {
  const path = join(config.dataDir, 'secret.key');
  const next = `${path}.next`;
  const oldKey = await loadSecretKey(config);
  const begun = await readIfThere(next);
  // A shorter one was never used: the run ended while it was written.
  const newKey = begun?.length === newKeyBytes ? begun : await writeKey(next);
  const count = await resealSecrets(metadata, createSecretBox(oldKey), createSecretBox(newKey));
  await rename(next, path);
  return count;
}

async function rotateConfigured(
  secretKey: string,
  oldKeyFile: string | undefined,
  metadata: MetadataStore,
): Promise<number> {
  if (oldKeyFile === undefined) {
    throw fail('conflict', {
      message:
        'STOWAGE_SECRET_KEY holds the new key: give the old one as a file, --old-key-file FILE.',
    });
  }
  const to = createSecretBox(Buffer.from(secretKey, 'utf8'));
  const from = await oldBox(oldKeyFile, metadata);
  const count = await resealSecrets(metadata, from, to);
  await acceptSecretKey(secretKey, metadata.settings);
  return count;
}

/** An editor puts a line break at the end of a key, which is then no part of it. */
async function oldBox(file: string, { channels, settings }: MetadataStore): Promise<SecretBox> {
  const bytes = await readFile(resolve(file)).catch((cause: Error) => {
    throw fail('conflict', { message: `The old key cannot be read: ${cause.message}`, cause });
  });
  const trimmed = Buffer.from(bytes.toString('utf8').replace(/\r?\n$/, ''), 'utf8');
  const stored = JSON.stringify([
    (await channels.stored()).channels,
    await settings.get(rowOf('security')),
  ]);
  const [whole, line] = [createSecretBox(bytes), createSecretBox(trimmed)];
  return stored.includes(`"kid":"${line.kid}"`) ? line : whole;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function writeKey(path: string): Promise<Buffer> {
  const key = randomBytes(newKeyBytes);
  await writeFile(path, key, { mode: 0o600, flush: true });
  return key;
}
