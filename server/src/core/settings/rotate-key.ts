import type { Json } from '../bytes.ts';
import type { MetadataStore } from '../metadata.ts';
import { authCodePlace, rowOf } from './runtime-settings.ts';
import { resealSettings } from './sealed-settings.ts';
import { isSealed, type SecretBox } from './secret-box.ts';

type Stores = Pick<MetadataStore, 'channels' | 'settings'>;

/**
 * Seals every stored secret with another key and returns the number of channels that have some. Can
 * be repeated after an interruption. Throws `service_unavailable` for a secret that neither key
 * opens; nothing of that channel is changed then.
 */
export async function resealSecrets(
  { channels: store, settings }: Stores,
  from: SecretBox,
  to: SecretBox,
): Promise<number> {
  const { version, channels } = await store.stored();
  const resealed = channels.map((channel) => ({
    ...channel,
    settings: resealSettings(channel.settings, { id: channel.id, from, to }),
  }));
  const security = (await settings.get(rowOf('security'))) as { authCode?: Json } | undefined;
  const code = security?.authCode;
  if (isSealed(code) && code.kid !== to.kid) {
    const sealed = to.seal(from.open(code, authCodePlace), authCodePlace);
    await settings.set(rowOf('security'), { ...security, authCode: { ...sealed } });
  }
  if (!(await store.change(version, resealed))) {
    return resealSecrets({ channels: store, settings }, from, to);
  }
  return resealed.filter(({ settings: own }) => Object.values(own).some(isSealed)).length;
}
