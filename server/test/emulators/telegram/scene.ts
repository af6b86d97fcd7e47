import { onTestFinished } from 'vitest';
import {
  createTelegramChannel,
  type TelegramClocks,
} from '../../../src/channels/telegram/index.ts';
import { telegramSettings } from '../../../src/channels/telegram/settings.ts';
import type { Channel } from '../../../src/core/channel.ts';
import { createProber } from '../../../src/images/prober.ts';
import {
  emulatedChat,
  startTelegramEmulator,
  type TelegramEmulator,
  type TelegramEmulatorOptions,
} from './emulator.ts';

export interface Scene {
  readonly emulator: TelegramEmulator;
  readonly channel: Channel;
  /** Another channel on the same emulator. */
  open(settings?: Record<string, unknown>, clocks?: TelegramClocks): Channel;
}

export const unpaced = { messagesPerSecond: 1_000_000, messagesPerMinute: 0 };

/** An emulator and a channel on it, both gone at the end of the test. */
export async function telegramScene(
  options: TelegramEmulatorOptions = {},
  settings: Record<string, unknown> = unpaced,
  clocks: TelegramClocks = {},
): Promise<Scene> {
  const emulator = await startTelegramEmulator(options);
  onTestFinished(() => emulator.stop());
  const open: Scene['open'] = (more = {}, otherClocks = {}) => {
    const parsed = telegramSettings.parse({
      botToken: emulator.token,
      chatId: emulatedChat.id,
      apiBase: emulator.url,
      ...more,
    });
    const channel = createTelegramChannel(parsed, { prober: createProber() }, otherClocks);
    onTestFinished(() => channel.close?.());
    return channel;
  };
  return { emulator, channel: open(settings, clocks), open };
}
