import { type BuildContext, buildChannel, identifyConfigured } from './build-channels.ts';
import { createChannelTypes } from './channel-types.ts';
import { drivers } from './channels/index.ts';
import type { MetadataStore } from './core/metadata.ts';
import { ChannelAdmin } from './core/settings/channel-admin.ts';
import { LiveChannels } from './core/settings/live-channels.ts';
import { RuntimeSettings } from './core/settings/runtime-settings.ts';
import { createSecretBox } from './core/settings/secret-box.ts';
import {
  type ChannelPool,
  type ChannelPoolOptions,
  createChannelPool,
} from './core/storage/channel-pool.ts';

export interface OpenContext extends Omit<BuildContext, 'metadata'> {
  readonly metadata: MetadataStore;
  readonly secretKey: Uint8Array;
}

export interface OpenedChannels {
  readonly pool: ChannelPool;
  readonly live: LiveChannels;
  readonly settings: RuntimeSettings;
  readonly admin: ChannelAdmin;
  /** Closes every channel, also those that were replaced. */
  close(): Promise<void>;
}

/** The channels of the configuration and of the database, connected. */
export async function openChannels(
  context: OpenContext,
  options: Omit<ChannelPoolOptions, 'channels'>,
): Promise<OpenedChannels> {
  const { metadata, secretKey, log, now } = context;
  const entries = await identifyConfigured(context);
  const fixed = await Promise.all(entries.map((entry) => buildChannel(entry, context)));
  const box = createSecretBox(secretKey);
  const { authCode } = context.config;
  const settings = new RuntimeSettings({ store: metadata.settings, box, authCode });
  await settings.refresh();
  const balances = (group: string) => settings.balances(group);
  const pool = createChannelPool({ ...options, channels: fixed, balances });
  const store = metadata.channels;
  const live = new LiveChannels({
    fixed,
    store,
    box,
    pool,
    build: (entry, channel) => buildChannel(entry, context, channel),
    log,
  });
  await live.refresh();
  const types = createChannelTypes(drivers);
  const { usage } = metadata.files;
  return {
    pool,
    live,
    settings,
    admin: new ChannelAdmin({ fixed: entries, store, usage, types, box, live, now }),
    async close() {
      await live.close();
      await Promise.all(fixed.map(({ channel }) => channel.close?.()));
    },
  };
}
