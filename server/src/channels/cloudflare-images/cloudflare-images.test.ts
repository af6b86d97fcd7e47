import { channelConformance } from '../../../test/conformance/channel.ts';
import {
  emulatedAccount,
  startCloudflareEmulator,
} from '../../../test/emulators/cloudflare-images/emulator.ts';
import { createCloudflareImagesChannel } from './index.ts';
import { cloudflareImagesSettings } from './settings.ts';

const secrets = [emulatedAccount.apiToken, emulatedAccount.signingKey];
const skip = { 'stores 0 bytes': 'an empty file is no image' };

for (const requireSignedUrls of [false, true]) {
  channelConformance(`cloudflare_images, ${requireSignedUrls ? 'private' : 'public'} images`, {
    create: async () => {
      const emulator = await startCloudflareEmulator({
        formats: 'any',
        ignoreRange: requireSignedUrls,
      });
      const { apiBase, deliveryBase } = emulator;
      const settings = { ...emulatedAccount, apiBase, deliveryBase, requireSignedUrls };
      const channel = createCloudflareImagesChannel(cloudflareImagesSettings.parse(settings));
      return {
        channel,
        objects: async () =>
          [...emulator.images.values()].filter(({ file }) => file !== undefined).length,
        destroy: emulator.stop,
      };
    },
    skip,
    secrets,
  });
}
