import { closeSync, openSync } from 'node:fs';

/**
 * Makes an empty file for this user only, unless there is one. For databases: one that is there is
 * not opened, as closing a file drops all locks that the process has on it.
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
