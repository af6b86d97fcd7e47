import { rmSync, writeFileSync } from 'node:fs';

/**
 * Makes a file for this user only in the place of whatever has the name. A link there is not
 * followed, and a pipe not waited for: what they lead to is not ours. Throws where a folder has the
 * name.
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  { flush = false } = {},
): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx', flush });
}
