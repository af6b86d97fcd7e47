import { closeSync, fdatasync, fstat, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/**
 * The write-ahead log as a file of its own. SQLite writes it, Stowage decides when to sync it
 * (docs/decisions/002-sqlite-group-commit.md).
 */
export interface SqliteLog {
  /** Resolves when everything committed before the call is on disk. */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): void;
}

export type Sync = (fd: number) => Promise<void>;

/**
 * `path` is that of the database. A connection must have read from it, so that the log exists, and
 * stays the same file while that connection is open.
 */
export function openLog(path: string, sync: Sync = promisify(fdatasync)): SqliteLog {
  const fd = openSync(`${path}-wal`, 'r+');
  // Both files may be new. Their names must survive, too.
  syncFolder(dirname(path));
  syncIfReadable(dirname(dirname(path)));
  return {
    sync: () => sync(fd),
    sizeBytes: async () => (await promisify(fstat)(fd)).size,
    close: () => closeSync(fd),
  };
}

/**
 * The parent of the data folder may belong to another user, with permission only to pass through.
 */
function syncIfReadable(path: string): void {
  try {
    syncFolder(path);
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw error;
    }
  }
}

function syncFolder(path: string): void {
  // Windows cannot sync folders.
  if (process.platform === 'win32') {
    return;
  }
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
