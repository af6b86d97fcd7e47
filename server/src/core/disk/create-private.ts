import { closeSync, openSync } from 'node:fs';

/**
 * Creates an empty file for this user only, unless it exists. For databases: an existing file is
 * not opened, because closing it would drop all locks that the process has on it.
 */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  }
}
