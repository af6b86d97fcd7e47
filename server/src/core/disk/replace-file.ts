import { rmSync, writeFileSync } from 'node:fs';

/**
 * Creates a file for this user only, replacing anything but a folder that has the name. Links are
 * not followed and pipes are not waited for: their targets are not ours. Throws when a folder has
 * the name.
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  { flush = false } = {},
): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx', flush });
}
