import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allPermissions, createAccess } from '../core/access.ts';
import { createGuessBrake } from '../core/guess-brake.ts';
import type { MetadataStore } from '../core/metadata.ts';

interface FirstStart {
  readonly metadata: MetadataStore;
  readonly dataDir: string;
  /** Address that the person can open. */
  readonly address: string;
}

/**
 * Makes the admin token of a first start and hands it to the person: on a terminal by printing it, otherwise (a log, a journal, a pipe) as a file
 * that only this user can read. Throws, with no token left behind, when the file cannot be written.
 */
export async function handOverAdminToken({ metadata: { tokens }, dataDir, address }: FirstStart): Promise<void> {
  const access = createAccess({ tokens, allowAnonymousUploads: false, brake: createGuessBrake(Date.now), now: Date.now });
  const created = await access.createFirstToken({ name: 'admin', permissions: allPermissions });
  // Another node was quicker.
  if (created === undefined) return;
  const { token, record } = created;
  if (process.stdout.isTTY) return greet(token, address);
  const path = join(dataDir, 'admin-token');
  try {
    await writePrivately(path, token);
  } catch (error) {
    await tokens.remove(record.id);
    throw error;
  }
  process.stdout.write(
    `Your admin token is in ${path}, which only this user can read. Delete the file once you have the token.\n`,
  );
}

/** A file of that name may be there with other permissions, or be a link. */
async function writePrivately(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
}

function greet(token: string, address: string): void {
  process.stdout.write(`
Your admin token, shown this once (only its hash is stored):

  ${token}

Upload a file:

  curl -H "Authorization: Bearer ${token}" -F "file=@photo.jpg" ${address}/upload

`);
}
