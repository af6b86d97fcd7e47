import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sessions } from '../core/access/sessions.ts';
import { makeSetupSecret } from '../core/access/sign-in.ts';
import { writePrivately } from './write-privately.ts';

interface FirstVisit {
  readonly sessions: Sessions;
  readonly dataDir: string;
  /** Where people reach the server. */
  readonly address: string;
}

/**
 * Makes the link by which the first password of the administrator is set, and resolves with the
 * text to print: on a terminal the link, otherwise the path of a file that only this user can read.
 */
export async function makeSetupLink({ sessions, dataDir, address }: FirstVisit): Promise<string> {
  const link = `${address.replace(/\/+$/, '')}/setup#${await makeSetupSecret(sessions)}`;
  if (process.stdout.isTTY) {
    return `To sign in from a browser, set a password (this link works once, for a day):\n\n  ${link}\n\n`;
  }
  const path = linkPath(dataDir);
  await writePrivately(path, link);
  return `To sign in from a browser, open the link in ${path}: it sets a password, once, within a day.\n`;
}

/** Once there is a password the link is void. */
export async function dropSetupLink(dataDir: string): Promise<void> {
  await rm(linkPath(dataDir), { force: true });
}

function linkPath(dataDir: string): string {
  return join(dataDir, 'setup-link');
}
