import { closeSync, fdatasync, fstat, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/**
 * The write-ahead log as a file of its own: SQLite writes it, we decide when it is on the disk
 * (docs/decisions/002-sqlite-group-commit.md).
 */
export interface SqliteLog {
  /** Resolves when everything committed before the call is on the disk. */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): void;
}

export type Sync = (fd: number) => Promise<void>;

/**
 * `path` is that of the database, with a connection that has read from it: so the log exists, and
 * stays the same file while that is open.
 */
export function openLog(path: string, sync: Sync = promisify(fdatasync)): SqliteLog {
  const fd = openSync(`${path}-wal`, 'r+');
  // Both files may be new; their names must survive, too.
  syncFolder(dirname(path));
  syncIfReadable(dirname(dirname(path)));
  return {
    sync: () => sync(fd),
    sizeBytes: async () => (await promisify(fstat)(fd)).size,
    close: () => closeSync(fd),
  };
}

/** The folder above the data folder may belong to another user, open to pass through only. */
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
  // Windows knows no such thing.
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
