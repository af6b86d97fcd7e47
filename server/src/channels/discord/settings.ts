import { z } from 'zod';
import { secret } from '../driver.ts';

const mebibyte = 2 ** 20;

export const discordSettings = z.strictObject({
  botToken: secret('Token of the bot, from the developer portal.'),
  channelId: z
    .string()
    .regex(/^\d+$/, 'must be a number of 17 to 20 digits')
    .describe('Number of the text channel that files are sent to.'),
  nitro: z
    .boolean()
    .default(false)
    .describe(
      'The server is boosted enough to take files of 25 MiB instead of 10 MiB; segments are then 24 MiB instead of 9 MiB.',
    ),
  apiBase: z
    .url({ protocol: /^https?$/ })
    .default('https://discord.com/api/v10')
    .describe('Address of the API, with its version.'),
  proxyUrl: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A reverse proxy in front of cdn.discordapp.com for downloads, `host[:port][/path]` or a full URL.',
    ),
});

export type DiscordSettings = z.infer<typeof discordSettings>;

export function segmentLimits({ nitro }: DiscordSettings): {
  min: number;
  best: number;
  max: number;
} {
  return nitro
    ? { min: 1, best: 24 * mebibyte, max: 25 * mebibyte }
    : { min: 1, best: 9 * mebibyte, max: 10 * mebibyte };
}

export function apiBaseUrl({ apiBase }: DiscordSettings): string {
  return apiBase.replace(/\/+$/, '');
}

/**
 * The address to fetch an attachment from: its own, or the proxy's with the same path and query.
 */
export function downloadUrl(
  attachmentUrl: string,
  { proxyUrl }: { readonly proxyUrl?: string | undefined },
): string {
  if (proxyUrl === undefined) {
    return attachmentUrl;
  }
  const base = (/^https?:\/\//i.test(proxyUrl) ? proxyUrl : `https://${proxyUrl}`).replace(
    /\/+$/,
    '',
  );
  const { pathname, search } = new URL(attachmentUrl);
  return `${base}${pathname}${search}`;
}
