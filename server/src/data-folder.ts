import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './core/disk/make-folder.ts';
import { fail, isStowageError } from './core/errors.ts';
import { inspectPrivacy } from './private-files.ts';

/** In a data folder that `stowage restore` has not finished: what is there is not a library yet. */
export const unfinishedRestoreFile = 'RESTORE-UNFINISHED';

/**
 * Makes the data folder, for this user only, and `folders` in it where there is room: they are made
 * again when they are needed. Throws `service_unavailable` with what is in the way, for the person
 * who starts the server.
 */
export async function prepareDataFolder(
  dataDir: string,
  folders: readonly string[] = [],
): Promise<void> {
  try {
    makeFolder(dataDir);
    // Before the rest: making a folder on a read-only file system fails as if nothing were there.
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    await assertRestored(dataDir);
    assertPrivate(dataDir);
    for (const folder of folders) {
      makeIfRoom(join(dataDir, folder));
    }
  } catch (cause) {
    if (isStowageError(cause)) {
      throw cause;
    }
    const { message } = cause as Error;
    throw fail('service_unavailable', {
      message: `The data folder ${dataDir} cannot be used: ${message}. Make it writable for this user, or choose another one by STOWAGE_DATA_DIR.`,
      cause,
    });
  }
}

function assertPrivate(dataDir: string): void {
  const { refusals } = inspectPrivacy(dataDir);
  if (refusals.length > 0) {
    throw fail('service_unavailable', { message: refusals.join('\n') });
  }
}

async function assertRestored(dataDir: string): Promise<void> {
  const isUnfinished = await access(join(dataDir, unfinishedRestoreFile)).then(
    () => true,
    () => false,
  );
  if (!isUnfinished) {
    return;
  }
  throw fail('service_unavailable', {
    message: `A restore into the data folder ${dataDir} did not finish. Run \`stowage restore\` with the same backup again, or empty the folder.`,
  });
}

function makeIfRoom(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') {
      throw error;
    }
  }
}
