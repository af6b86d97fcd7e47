import { rm, writeFile } from 'node:fs/promises';

/**
 * Writes a line that only this user can read. A file of that name may already exist with other
 * permissions, or be a link.
 */
export async function writePrivately(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
}
