import { randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';

/**
 * What the file holds; `content` when there was none. By a link from a temporary name: processes
 * that start at once end with one content, and none reads half of it.
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
