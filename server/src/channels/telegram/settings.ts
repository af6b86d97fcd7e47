import { z } from 'zod';
import { secret } from '../driver.ts';

const mebibyte = 2 ** 20;

/** `<number>:<letters>`: the number is the bot's public id, the rest is the secret. */
const botToken = (description: string) =>
  secret(description).regex(/^\d+:[\w-]+$/, 'must be a bot token, which looks like 123456:ABC-DEF');

const anyToken = botToken('Token of a bot.');

export const telegramSettings = z
  .strictObject({
    botToken: botToken('Token of the bot, from @BotFather.').optional(),
    botTokens: z
      .union([
        z.array(anyToken),
        z
          .string()
          .transform((text) => text.split(/[\s,]+/).filter(Boolean))
          .pipe(z.array(anyToken)),
      ])
      .optional()
      .meta({
        secret: true,
        description:
          'Tokens of several bots of the same chat, as a list or separated by commas or lines; each upload goes to the bot that is free first.',
      }),
    chatId: z
      .union([z.string().min(1), z.int()])
      .transform(String)
      .describe(
        'Chat that files are sent to: its number (channels and groups start with -100) or the @name of a public channel.',
      ),
    apiBase: z
      .url({ protocol: /^https?$/ })
      .default('https://api.telegram.org')
      .describe('Address of the Bot API, for local Bot API servers.'),
    proxyUrl: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A reverse proxy in front of the Bot API, `host[:port][/path]` or a full URL; takes the place of `apiBase`.',
      ),
    maxUploadBytes: z
      .int()
      .positive()
      .default(50_000_000)
      .describe(
        'Largest file the Bot API takes, in bytes. Up to 2000000000 for a local Bot API server.',
      ),
    maxDownloadBytes: z
      .int()
      .positive()
      .default(20 * mebibyte)
      .describe(
        'Largest file the Bot API returns, in bytes. As `maxUploadBytes` for a local Bot API server.',
      ),
    segmentBytes: z
      .int()
      .positive()
      .optional()
      .describe(
        'Larger files are stored as segments of this many bytes. Default 16 MiB; with larger limits 256 MiB.',
      ),
    filesDir: z
      .string()
      .optional()
      .describe(
        'Working folder of a local Bot API server that runs with `--local`: files are read from there, because it returns absolute paths only.',
      ),
    compress: z
      .boolean()
      .default(true)
      .describe(
        'Whether JPEG pictures go out as photos, which Telegram recompresses, unless the caller sends `serverCompress=false`. With `false` all files are kept byte by byte, whatever the caller sends.',
      ),
    messagesPerSecond: z
      .int()
      .positive()
      .default(1)
      .describe('Maximum number of messages a second from one bot to the chat.'),
    messagesPerMinute: z
      .int()
      .nonnegative()
      .optional()
      .describe(
        'Maximum number of messages a minute from one bot to the chat; 0 means no limit. Default 20, and 0 in private chats.',
      ),
  })
  .refine(
    ({ botToken, botTokens }) => botToken !== undefined || (botTokens ?? []).length > 0,
    'botToken or botTokens is needed',
  );

export type TelegramSettings = z.infer<typeof telegramSettings>;

export function tokensOf({ botToken, botTokens }: TelegramSettings): readonly string[] {
  return [...new Set([botToken, ...(botTokens ?? [])])].filter((token) => token !== undefined);
}

/** Address of the Bot API without a slash at the end. */
export function baseUrl({ apiBase, proxyUrl }: TelegramSettings): string {
  const base = proxyUrl ?? apiBase;
  return (/^https?:\/\//i.test(base) ? base : `https://${base}`).replace(/\/+$/, '');
}

export function segmentLimits(settings: TelegramSettings): {
  min: number;
  best: number;
  max: number;
} {
  const max = Math.min(settings.maxUploadBytes, settings.maxDownloadBytes);
  const usual = max > 20 * mebibyte ? 256 * mebibyte : 16 * mebibyte;
  return { min: 1, best: Math.min(settings.segmentBytes ?? usual, max), max };
}

/** Telegram counts per minute in groups and channels, whose numbers are negative. */
export function messagesPerMinute({ messagesPerMinute, chatId }: TelegramSettings): number {
  return messagesPerMinute ?? (/^\d+$/.test(chatId) ? 0 : 20);
}
