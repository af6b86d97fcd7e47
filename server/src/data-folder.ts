import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isStowageError } from './core/errors.ts';

/** In a data folder that `stowage restore` has not finished: what is there is not a library yet. */
export const unfinishedRestoreFile = 'RESTORE-UNFINISHED';

/**
 * Makes the data folder and `folders` in it, for this user only. Throws `service_unavailable` with what is in the way: whoever starts the server reads it.
 */
export async function prepareDataFolder(dataDir: string, folders: readonly string[] = []): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    // Before the rest: `mkdir` on a read-only file system says that nothing is there.
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    await assertRestored(dataDir);
    for (const folder of folders) await mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 });
  } catch (cause) {
    if (isStowageError(cause)) throw cause;
    const { message } = cause as Error;
    throw fail('service_unavailable', {
      message: `The data folder ${dataDir} cannot be used: ${message}. Make it writable for this user, or choose another one by STOWAGE_DATA_DIR.`,
      cause,
    });
  }
}

async function assertRestored(dataDir: string): Promise<void> {
  const isUnfinished = await access(join(dataDir, unfinishedRestoreFile)).then(
    () => true,
    () => false,
  );
  if (!isUnfinished) return;
  throw fail('service_unavailable', {
    message: `A restore into the data folder ${dataDir} did not finish. Run \`stowage restore\` with the same backup again, or empty the folder.`,
  });
}
