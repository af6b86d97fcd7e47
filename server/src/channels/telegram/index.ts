import { z } from 'zod';
import type { Channel } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createHttpClient } from '../../outbound/http-client.ts';
import { type DriverContext, defineDriver } from '../driver.ts';
import { type Bot, createTelegramApi, refusedWith, type TelegramApi } from './api.ts';
import { createChat } from './chat.ts';
import { checkBot } from './check.ts';
import { createPathCache, getFile, type Reader } from './get.ts';
import { createPacedBot, putFile, type Sender } from './put.ts';
import { parseTelegramRef, type TelegramRef } from './ref.ts';
import {
  baseUrl,
  messagesPerMinute,
  segmentLimits,
  type TelegramSettings,
  telegramSettings,
  tokensOf,
} from './settings.ts';

/** A chat of a Telegram bot as storage: one message per file or segment. */
export const telegramDriver = defineDriver({
  type: 'telegram',
  group: {
    name: 'telegram',
    label: 'TelegramNew',
    fallbackRank: 2,
    isDefault: true,
    takesChunks: true,
  },
  settings: telegramSettings,
  create: (settings, context) => createTelegramChannel(settings, context),
});

export interface TelegramClocks {
  /** Milliseconds on a clock that no one sets. */
  readonly now?: () => number;
  /** How long Telegram's minute is. */
  readonly minuteMs?: number;
}

export function createTelegramChannel(
  settings: TelegramSettings,
  { prober }: Pick<DriverContext, 'prober'>,
  clocks: TelegramClocks = {},
): Channel {
  const tokens = tokensOf(settings);
  // the part behind the public number of the bot is the secret one
  const secrets = [...tokens, ...tokens.map((token) => token.slice(token.indexOf(':') + 1))];
  const http = createHttpClient({ service: 'Telegram', secrets });
  const chat = createChat(settings.chatId);
  const api = createTelegramApi(http, baseUrl(settings), chat.moved);
  const pace = {
    perSecond: settings.messagesPerSecond,
    perMinute: messagesPerMinute(settings),
    minuteMs: clocks.minuteMs ?? 60_000,
  };
  const bots = tokens.map((token) => createPacedBot(token, pace));
  const reader: Reader = { api, paths: createPathCache(clocks.now), filesDir: settings.filesDir };
  const forget = (ref: TelegramRef, signal: AbortSignal) =>
    deleteMessage(reader, botOf(bots, ref), { ref, signal });
  const sender: Sender = { api, chat, bots, prober, forget, fallbackForms: new Map() };
  const segment = segmentLimits(settings);
  return {
    limits: { maxBytes: segment.max, segment },
    remote: true,
    put: (body, options) =>
      putFile(sender, body, {
        ...options,
        mayRecompress: settings.compress && options.mayRecompress === true,
      }),
    get: async (ref, options) => {
      const parsed = parseTelegramRef(ref);
      return getFile(reader, botOf(bots, parsed), { ref: parsed, ...options });
    },
    delete: async (ref, { signal }) => forget(parseTelegramRef(ref), signal),
    check: async ({ signal }) => {
      for (const bot of bots) {
        await checkBot(api, bot, { chat, signal });
      }
    },
    notice: chat.notice,
    close: () => http.close(),
  };
}

/** File ids and messages belong to the bot that sent them. */
function botOf<B extends Bot>(bots: readonly B[], { botId }: TelegramRef): B {
  const bot = bots.find(({ id }) => id === botId);
  if (bot === undefined) {
    throw fail('channel_unauthorized', {
      message: `Telegram: the token of bot ${botId}, which stored this file, is not configured any more`,
    });
  }
  return bot;
}

async function deleteMessage(
  reader: Pick<Reader, 'paths'> & { api: TelegramApi },
  bot: Bot,
  { ref, signal }: { ref: TelegramRef; signal: AbortSignal },
): Promise<void> {
  const params = { chat_id: ref.chatId, message_id: ref.messageId };
  try {
    await reader.api.call(bot, { method: 'deleteMessage', params, result: z.unknown() }, signal);
  } catch (error) {
    if (
      !refusedWith(
        error,
        /message to delete not found|MESSAGE_ID_INVALID|message identifier is not specified/i,
      )
    ) {
      throw error;
    }
  }
  reader.paths.delete(ref.fileId);
}
