import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from './core/errors.ts';

/**
 * Makes the data folder and `folders` in it, for this user only. Throws `service_unavailable` with what is in the way: whoever starts the server reads it.
 */
export async function prepareDataFolder(dataDir: string, folders: readonly string[] = []): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    // Before the rest: `mkdir` on a read-only file system says that nothing is there.
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const folder of folders) await mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { message } = cause as Error;
    throw fail('service_unavailable', {
      message: `The data folder ${dataDir} cannot be used: ${message}. Make it writable for this user, or choose another one by STOWAGE_DATA_DIR.`,
      cause,
    });
  }
}
