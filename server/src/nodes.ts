import { hkdfSync } from 'node:crypto';
import type { Config } from './config.ts';
import type { Channel } from './core/channel.ts';
import { fail } from './core/errors.ts';
import type { SettingStore } from './core/metadata.ts';

/**
 * Why a node must not share a database as it is configured; empty on SQLite, which one process has
 * for itself.
 */
export function sharingProblems({ databaseUrl, secretKey, channels }: Config): readonly string[] {
  if (databaseUrl === undefined) {
    return [];
  }
  const noKey =
    'With PostgreSQL the secret key must be set: STOWAGE_SECRET_KEY, at least 32 characters, the same on every node.';
  const unshared = channels
    .filter(({ type, settings }) => type === 'local' && !isShared(settings))
    .map(
      ({ name }) =>
        `With PostgreSQL every node must reach the files of the channel "${name}" of type local. Set "shared": true in its settings when all nodes mount the ` +
        'same folder, or when there is only one node; otherwise use another channel.',
    );
  return secretKey === undefined ? [noKey, ...unshared] : unshared;
}

function isShared(settings: unknown): boolean {
  return (settings as { readonly shared?: boolean }).shared === true;
}

const keySetting = 'secretKey.fingerprint';

/**
 * Refuses a key that is not the one of the other nodes: they would not know each other's
 * signatures.
 */
export async function checkSecretKey(key: Uint8Array, settings: SettingStore): Promise<void> {
  const known = await settings.setIfAbsent(keySetting, fingerprint(key));
  if (known === fingerprint(key)) {
    return;
  }
  throw fail('conflict', {
    message:
      'STOWAGE_SECRET_KEY is not the key that this database is used with. Set the same key on every node. To change it, stop all nodes, set the new key ' +
      'everywhere and run `stowage migrate --accept-secret-key` once.',
  });
}

/** From now on this is the key. */
export async function acceptSecretKey(key: string, settings: SettingStore): Promise<void> {
  await settings.set(keySetting, fingerprint(Buffer.from(key, 'utf8')));
}

function fingerprint(key: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', key, '', 'stowage fingerprint', 16)).toString('hex');
}

export interface PlacedChannel {
  readonly id: string;
  readonly name: string;
  readonly channel: Channel;
}

/** Refuses a channel that stores somewhere else than it did, or does on other nodes. */
export async function checkPlace(
  { id, name, channel }: PlacedChannel,
  settings: SettingStore,
): Promise<void> {
  if (channel.place === undefined) {
    return;
  }
  const place = await channel.place();
  const known = await settings.setIfAbsent(`channel.place.${id}`, place.id);
  if (known === place.id) {
    return;
  }
  throw fail('conflict', {
    message:
      `The folder of the channel "${name}" is not the one that the other nodes use: ${place.where} holds another name than the database knows. ` +
      `Mount the shared folder there. If it is the right one, moved or restored, write ${known} into that file.`,
  });
}
