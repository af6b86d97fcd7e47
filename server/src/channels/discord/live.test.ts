import { channelConformance } from '../../../test/conformance/channel.ts';
import { createDiscordChannel } from './index.ts';
import { discordSettings } from './settings.ts';

// docs/channels/discord.md: a run against the real service, for whoever has a bot and a channel to
// spare
const { STOWAGE_LIVE_DISCORD } = process.env;

if (STOWAGE_LIVE_DISCORD) {
  const settings = discordSettings.parse(JSON.parse(STOWAGE_LIVE_DISCORD));
  channelConformance('discord, live', {
    create: async () => ({ channel: createDiscordChannel(settings) }),
    slow: true,
    secrets: [settings.botToken],
  });
} else {
  const { it } = await import('vitest');
  it.skip('live: set STOWAGE_LIVE_DISCORD to the settings of a channel as JSON');
}
