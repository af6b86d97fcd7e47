import { fail } from '../../core/errors.ts';
import type { Hub } from './api.ts';
import type { Identity } from './wire.ts';

/**
 * Proves that the token is valid and may write to the repository, or may create it. Stores nothing.
 */
export async function checkAccess(hub: Hub, signal: AbortSignal): Promise<void> {
  const identity = await hub.whoAmI(signal);
  if (identity.auth?.accessToken?.role === 'read') {
    throw fail('channel_unauthorized', {
      message: `Hugging Face: the token of ${identity.name} may only read`,
    });
  }
  if (await hub.repoExists(signal)) {
    // The first step of every upload: refused without write permission, changes nothing.
    await hub.preupload({ path: 'stowage-check.txt', size: 1, sample: Buffer.from('x') }, signal);
    return;
  }
  const [owner = ''] = hub.repo.split('/');
  if (!mayCreateFor(identity, owner)) {
    throw fail('channel_unauthorized', {
      message: `Hugging Face: ${hub.repo} does not exist, and ${identity.name} is no member of ${owner}`,
    });
  }
}

function mayCreateFor(identity: Identity, owner: string): boolean {
  return [identity.name, ...identity.orgs.map((org) => org.name)].some(
    (name) => name.toLowerCase() === owner.toLowerCase(),
  );
}
