import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { makeFolder } from './core/disk/make-folder.ts';
import { writeOnce } from './core/disk/write-once.ts';
import { fail, type StowageError } from './core/errors.ts';

const newKeyBytes = 48;
const minKeyBytes = 32;
const maxKeyBytes = 64 * 1024;

/**
 * The configured key, or the one of the 0600 key file in the data folder, which is made at the
 * first start. Throws `service_unavailable` for a file that could not be a key: signatures made
 * with an empty one can be forged by everyone.
 */
export async function loadSecretKey({
  secretKey,
  dataDir,
}: Pick<Config, 'secretKey' | 'dataDir'>): Promise<Buffer> {
  if (secretKey !== undefined) {
    return Buffer.from(secretKey, 'utf8');
  }
  const path = join(dataDir, 'secret.key');
  makeFolder(dataDir);
  return (await readKeyFile(path)) ?? writeOnce(path, randomBytes(newKeyBytes));
}

/** Undefined when there is none. */
async function readKeyFile(path: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    // Not waiting: a named pipe would never answer.
    file = await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      return undefined;
    }
    throw unusable(path, code === 'ELOOP' ? 'is a symbolic link' : `cannot be read: ${message}`);
  }
  try {
    return await readKey(file, path);
  } finally {
    await file.close();
  }
}

async function readKey(file: FileHandle, path: string): Promise<Buffer> {
  const found = await file.stat();
  if (!found.isFile()) {
    throw unusable(path, 'is no regular file');
  }
  if (found.size < minKeyBytes) {
    throw unusable(path, `has ${found.size} bytes, of which a key needs at least ${minKeyBytes}`);
  }
  if (found.size > maxKeyBytes) {
    throw unusable(path, `has ${found.size} bytes, which is no key`);
  }
  return file.readFile();
}

function unusable(path: string, why: string): StowageError {
  return fail('service_unavailable', {
    message:
      `The key file ${path} ${why}. Put the right one there from a backup, or set STOWAGE_SECRET_KEY. ` +
      'Without the right key, upload addresses that were given out stop working; remove the file to have a new one made.',
  });
}
