import { onTestFinished } from 'vitest';
import { createCloudflareImagesChannel } from '../../../src/channels/cloudflare-images/index.ts';
import { cloudflareImagesSettings } from '../../../src/channels/cloudflare-images/settings.ts';
import type { Channel } from '../../../src/core/channel.ts';
import {
  type CloudflareEmulator,
  type CloudflareEmulatorOptions,
  emulatedAccount,
  startCloudflareEmulator,
} from './emulator.ts';

/** For tests: an emulator and a channel on it, both gone when the test is over. */
export async function emulatedChannel(
  options: CloudflareEmulatorOptions = {},
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly channel: Channel; readonly emulator: CloudflareEmulator }> {
  const emulator = await startCloudflareEmulator(options);
  const { apiBase, deliveryBase } = emulator;
  const settings = cloudflareImagesSettings.parse({
    ...emulatedAccount,
    apiBase,
    deliveryBase,
    ...overrides,
  });
  const channel = createCloudflareImagesChannel(settings);
  onTestFinished(async () => {
    await channel.close?.();
    await emulator.stop();
  });
  return { channel, emulator };
}
