import { onTestFinished } from 'vitest';
import { createDiscordChannel } from '../../../src/channels/discord/index.ts';
import { discordSettings } from '../../../src/channels/discord/settings.ts';
import type { UrlClocks } from '../../../src/channels/discord/url-cache.ts';
import type { Channel } from '../../../src/core/channel.ts';
import {
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  startDiscordEmulator,
} from './emulator.ts';

export interface Scene {
  readonly emulator: DiscordEmulator;
  readonly channel: Channel;
  /** Another channel on the same emulator. */
  open(settings?: Record<string, unknown>, clocks?: UrlClocks): Channel;
}

/** An emulator and a channel on it, both gone at the end of the test. */
export async function discordScene(
  options: DiscordEmulatorOptions = {},
  clocks: UrlClocks = {},
): Promise<Scene> {
  const emulator = await startDiscordEmulator(options);
  onTestFinished(() => emulator.stop());
  const open: Scene['open'] = (more = {}, otherClocks = {}) => {
    const parsed = discordSettings.parse({
      botToken: emulator.token,
      channelId: emulator.channelId,
      apiBase: emulator.url,
      ...more,
    });
    const channel = createDiscordChannel(parsed, otherClocks);
    onTestFinished(() => channel.close?.());
    return channel;
  };
  return { emulator, channel: open({}, clocks), open };
}
