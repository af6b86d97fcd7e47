import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createPrivate } from './core/disk/create-private.ts';
import { replaceFile } from './core/disk/replace-file.ts';
import { fail } from './core/errors.ts';
import type { Log } from './core/log.ts';

export interface FolderLock {
  release(): void;
}

const busy = 5;

/**
 * Keeps a second server off the folder. The system holds the lock (on a file of SQLite's, which
 * knows how on every platform): it ends with the process, however that ends, and is seen from other
 * containers of the machine. Throws `conflict` with the process that has it.
 */
export function lockDataFolder(dataDir: string, log: Log): FolderLock {
  const note = join(dataDir, 'stowage.pid');
  let db: DatabaseSync | undefined;
  try {
    const path = join(dataDir, 'stowage.lock');
    createPrivate(path);
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === busy) {
      throw fail('conflict', { message: inUse(dataDir, note), cause: error });
    }
    // No room, or a file system without locks: a lock that cannot be had is no reason not to serve.
    log.warn(
      { err: error },
      'Could not lock the data folder; make sure that no other Stowage uses it',
    );
    return { release: () => undefined };
  }
  try {
    replaceFile(note, `${process.pid} on ${hostname()}\n`);
  } catch {
    // For people only.
  }
  return { release: () => db.close() };
}

function inUse(dataDir: string, note: string): string {
  return `Another Stowage (pid ${readNote(note) || 'unknown'}) uses the data folder ${dataDir}. Stop it, or choose another folder by STOWAGE_DATA_DIR.`;
}

function readNote(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
