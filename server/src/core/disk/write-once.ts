import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';

/**
 * Returns the content of the file, which is `content` when the file did not exist. Links a
 * temporary file into place, so that processes which start at the same time agree on one content
 * and none reads half of it.
 */
export async function writeOnce(path: string, content: Uint8Array): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
  }
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx', flush: true });
  await link(draft, path).catch((taken: NodeJS.ErrnoException) => {
    if (taken.code !== 'EEXIST') {
      throw taken;
    }
  });
  await unlink(draft);
  return readFile(path);
}
