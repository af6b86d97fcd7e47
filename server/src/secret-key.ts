import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { makeFolder } from './core/make-folder.ts';
import { writeOnce } from './core/write-once.ts';

/** The configured key, or the one of the 0600 key file in the data folder, which is made at the first start. */
export async function loadSecretKey({ secretKey, dataDir }: Pick<Config, 'secretKey' | 'dataDir'>): Promise<Buffer> {
  if (secretKey !== undefined) return Buffer.from(secretKey, 'utf8');
  const path = join(dataDir, 'secret.key');
  makeFolder(dataDir);
  return writeOnce(path, randomBytes(48));
}
