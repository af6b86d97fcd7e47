import { onTestFinished } from 'vitest';
import type { Channel } from '../../core/channel.ts';
import { type DiscordEmulator, type DiscordEmulatorOptions, startDiscordEmulator } from './emulator.ts';
import { createDiscordChannel } from './index.ts';
import { discordSettings } from './settings.ts';
import type { UrlClocks } from './url-cache.ts';

export interface Scene {
  readonly emulator: DiscordEmulator;
  readonly channel: Channel;
  /** Another channel on the same emulator. */
  open(settings?: Record<string, unknown>, clocks?: UrlClocks): Channel;
}

/** An emulator and a channel on it, both gone at the end of the test. */
export async function discordScene(options: DiscordEmulatorOptions = {}, clocks: UrlClocks = {}): Promise<Scene> {
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
