import { channelConformance } from '../../../test/conformance/channel.ts';
import { emulatedToken, startDiscordEmulator } from '../../../test/emulators/discord/emulator.ts';
import { createDiscordChannel } from './index.ts';
import { discordSettings } from './settings.ts';

channelConformance('discord', {
  create: async () => {
    const emulator = await startDiscordEmulator();
    const settings = discordSettings.parse({
      botToken: emulator.token,
      channelId: emulator.channelId,
      apiBase: emulator.url,
    });
    return {
      channel: createDiscordChannel(settings),
      objects: async () => emulator.messages.size,
      destroy: emulator.stop,
    };
  },
  secrets: [emulatedToken],
});
