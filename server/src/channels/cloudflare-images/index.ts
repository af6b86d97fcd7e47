import type { Channel } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createKeyedMutex } from '../../core/guard/keyed-mutex.ts';
import { defineDriver } from '../driver.ts';
import { rangedResult } from '../shared/ranged.ts';
import { type CloudflareApi, createCloudflareApi } from './api.ts';
import { deliveryUrl } from './delivery.ts';
import { service } from './failure.ts';
import { toldSize } from './measure.ts';
import { createPresign } from './presign.ts';
import { putImage } from './put.ts';
import { idOf, imageIdOf, refOf } from './ref.ts';
import {
  type CloudflareImagesSettings,
  cloudflareImagesSettings,
  maxImageBytes,
} from './settings.ts';

export const cloudflareImagesDriver = defineDriver({
  type: 'cloudflare_images',
  group: { name: 'cloudflare_images', label: 'CloudflareImages' },
  settings: cloudflareImagesSettings,
  create: createCloudflareImagesChannel,
});

// the API takes 1200 calls in 5 minutes from all of a user's programs; an upload is two
const pace = { perSecond: 8, perMinute: 200 };

export function createCloudflareImagesChannel(settings: CloudflareImagesSettings): Channel {
  const api = createCloudflareApi(settings);
  const put = { api, locks: createKeyedMutex(), requireSignedUrls: settings.requireSignedUrls };
  const channel: Channel = {
    limits: { maxBytes: maxImageBytes, pace },
    remote: true,
    put: (body, options) => putImage(put, body, options),
    get: async (ref, { range, signal }) => {
      const id = idOf(ref);
      const response = await api.blob(id, { range, signal });
      const size =
        range === undefined
          ? (toldSize(response) ?? (await api.measure(id, signal)).size)
          : range.end + 1;
      return rangedResult(response, { service, size, range });
    },
    delete: (ref, { signal }) => api.remove(idOf(ref), signal),
    check: ({ signal }) => check(api, signal),
    presign: createPresign(api, settings),
    url: (ref) => deliveryUrl(settings, idOf(ref), Date.now()),
    close: api.close,
  };
  // Cloudflare gives private images their ids itself.
  return settings.requireSignedUrls
    ? channel
    : { ...channel, locate: (key) => refOf(imageIdOf(key)) };
}

/**
 * Statistics need the account, the token and its permission to be right; another call shows what
 * the token lacks.
 */
async function check(api: CloudflareApi, signal: AbortSignal): Promise<void> {
  const status = await api.tokenStatus(signal);
  if (status !== undefined && status !== 'active') {
    throw fail('channel_unauthorized', { message: `${service}: the API token is ${status}` });
  }
  const { current, allowed } = await api.stats(signal);
  if (current >= allowed) {
    throw fail('channel_full', { message: `${service}: ${current} of ${allowed} images are used` });
  }
}
