import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { makeFolder } from './core/make-folder.ts';

/** The configured key, or the one of the 0600 key file in the data folder, which is made at the first start. */
export async function loadSecretKey({ secretKey, dataDir }: Pick<Config, 'secretKey' | 'dataDir'>): Promise<Buffer> {
  if (secretKey !== undefined) return Buffer.from(secretKey, 'utf8');
  const path = join(dataDir, 'secret.key');
  makeFolder(dataDir);
  await makeKeyFile(path);
  return readFile(path);
}

/** By a link from a temporary name: two processes that start at once end with one key, and nobody reads half of it. */
async function makeKeyFile(path: string): Promise<void> {
  try {
    await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(draft, randomBytes(48), { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, path).catch((taken: NodeJS.ErrnoException) => {
      if (taken.code !== 'EEXIST') throw taken;
    });
    await unlink(draft);
  }
}
