import { join } from 'node:path';
import { allPermissions, createAccess } from '../core/access/access.ts';
import { createAuthThrottle } from '../core/access/auth-throttle.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { writePrivately } from './write-privately.ts';

interface FirstStart {
  readonly metadata: MetadataStore;
  readonly dataDir: string;
  /** Address that the operator can open. */
  readonly address: string;
}

/**
 * Creates the admin token of a first start and resolves with the text to print: on a terminal the
 * token, otherwise (a log, a journal, a pipe) the path of a file that only this user can read.
 * Resolves with nothing when another node has created one meanwhile. Throws, and leaves no token
 * behind, when the file cannot be written.
 */
export async function makeAdminToken({
  metadata: { tokens },
  dataDir,
  address,
}: FirstStart): Promise<string> {
  const access = createAccess({
    tokens,
    allowAnonymousUploads: false,
    brake: createAuthThrottle(Date.now),
    now: Date.now,
  });
  const created = await access.createFirstToken({ name: 'admin', permissions: allPermissions });
  if (created === undefined) {
    return '';
  }
  const { token, record } = created;
  if (process.stdout.isTTY) {
    return greeting(token, address);
  }
  const path = join(dataDir, 'admin-token');
  try {
    await writePrivately(path, token);
  } catch (error) {
    await tokens.remove(record.id);
    throw error;
  }
  return `Your admin token is in ${path}, which only this user can read. Delete the file once you have the token.\n`;
}

function greeting(token: string, address: string): string {
  return `
Your admin token, shown this once (only its hash is stored):

  ${token}

Upload a file:

  curl -H "Authorization: Bearer ${token}" -F "file=@photo.jpg" ${address}/upload

`;
}
