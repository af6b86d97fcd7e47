import type { Driver } from '../channels/driver.ts';
import type { Config } from '../config.ts';
import { type ChannelConfig, isSecret, shapeOf } from './channels.ts';
import { schema } from './schema.ts';
import { settingsOf } from './setting.ts';

const HIDDEN = '[redacted]';

/** A copy of the configuration that may be shown: every secret that is set reads `[redacted]`. */
export function redact(
  config: Config,
  drivers: readonly Driver[],
): Readonly<Record<string, unknown>> {
  const secrets = settingsOf(schema).filter(({ secret, key }) => secret && key !== 'channels');
  const hidden = secrets.flatMap(({ key }) => (key in config ? [[key, HIDDEN] as const] : []));
  return {
    ...config,
    ...Object.fromEntries(hidden),
    channels: config.channels.map((channel) => redactChannel(channel, drivers)),
  };
}

function redactChannel(channel: ChannelConfig, drivers: readonly Driver[]): ChannelConfig {
  const driver = drivers.find(({ type }) => type === channel.type);
  const shape = driver === undefined ? {} : shapeOf(driver.settings);
  // What the shape does not know is hidden as well: better a setting too few than a secret too
  // many.
  const show = (key: string) => Object.hasOwn(shape, key) && !isSecret(shape[key]);
  const settings = Object.entries(channel.settings).map(([key, value]) => [
    key,
    show(key) ? value : HIDDEN,
  ]);
  return { ...channel, settings: Object.fromEntries(settings) };
}
