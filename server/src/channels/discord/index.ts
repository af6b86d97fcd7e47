import type { Channel } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import { createHttpClient } from '../../outbound/http-client.ts';
import { defineDriver } from '../driver.ts';
import { createDiscordApi } from './api.ts';
import { getFile, type Reader } from './get.ts';
import { putFile, type Sender } from './put.ts';
import { type DiscordRef, parseDiscordRef } from './ref.ts';
import { apiBaseUrl, type DiscordSettings, discordSettings, segmentLimits } from './settings.ts';
import { createUrlCache, type UrlClocks } from './url-cache.ts';

/**
 * A text channel of a Discord bot as storage: one message with one attachment per file or segment.
 */
export const discordDriver = defineDriver({
  type: 'discord',
  group: { name: 'discord', label: 'Discord', fallbackRank: 6, takesChunks: true },
  settings: discordSettings,
  create: (settings) => createDiscordChannel(settings),
});

export function createDiscordChannel(settings: DiscordSettings, clocks: UrlClocks = {}): Channel {
  const { channelId } = settings;
  const http = createHttpClient({ service: 'Discord', secrets: [settings.botToken] });
  const api = createDiscordApi(http, apiBaseUrl(settings), settings.botToken);
  const reader: Reader = { api, http, urls: createUrlCache(clocks), proxyUrl: settings.proxyUrl };
  const forget = (ref: DiscordRef, signal: AbortSignal) => deleteMessage(reader, ref, signal);
  const sender: Sender = { api, channelId, urls: reader.urls, forget, usedNonces: new Map() };
  const segment = segmentLimits(settings);
  return {
    limits: { maxBytes: segment.max, segment },
    remote: true,
    put: async (body, options) => putFile(sender, body, options),
    get: async (ref, options) => getFile(reader, { ref: parseDiscordRef(ref), ...options }),
    delete: async (ref, { signal }) => forget(parseDiscordRef(ref), signal),
    check: async ({ signal }) => {
      await api.me(signal);
      await api.typing(channelId, signal);
    },
    close: () => http.close(),
  };
}

async function deleteMessage(
  { api, urls }: Reader,
  ref: DiscordRef,
  signal: AbortSignal,
): Promise<void> {
  await api.deleteMessage(ref, signal).catch((error: unknown) => {
    if (!isStowageError(error, 'not_found')) {
      throw error;
    }
  });
  urls.delete(ref.attachmentId);
}
