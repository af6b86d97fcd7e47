import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import type { Bot, TelegramApi } from './api.ts';
import type { Chat } from './chat.ts';

const me = z.looseObject({ id: z.int(), username: z.string().optional() });
const chatResult = z.looseObject({ id: z.int(), type: z.string() });
const member = z.looseObject({
  status: z.string(),
  can_post_messages: z.boolean().optional(),
  can_send_documents: z.boolean().optional(),
});

interface CheckOptions {
  readonly chat: Chat;
  readonly signal: AbortSignal;
}

/** Proves that the bot exists, sees the chat and may send files to it. */
export async function checkBot(api: TelegramApi, bot: Bot, options: CheckOptions): Promise<void> {
  const { signal } = options;
  const { id, username } = await api.call(bot, { method: 'getMe', params: {}, result: me }, signal);
  const { type } = await findChat(api, bot, options);
  if (type === 'private') {
    return;
  }
  const params = { chat_id: options.chat.id(), user_id: id };
  const rights = await api.call(bot, { method: 'getChatMember', params, result: member }, signal);
  const problem = problemOf(type, rights);
  if (problem !== undefined) {
    throw fail('channel_unauthorized', {
      message: `Telegram: the bot ${username ?? id} ${problem}`,
    });
  }
}

/** Asks again under the new number when the first answer names one. */
async function findChat(api: TelegramApi, bot: Bot, { chat, signal }: CheckOptions) {
  const wanted = chat.id();
  const ask = () =>
    api.call(
      bot,
      { method: 'getChat', params: { chat_id: chat.id() }, result: chatResult },
      signal,
    );
  try {
    return await ask();
  } catch (error) {
    if (chat.id() === wanted) {
      throw error;
    }
    return ask();
  }
}

function problemOf(type: string, rights: z.infer<typeof member>): string | undefined {
  if (rights.status === 'left' || rights.status === 'kicked') {
    return `is not in the chat (${rights.status})`;
  }
  if (type === 'channel' && rights.status !== 'creator' && rights.can_post_messages !== true) {
    return 'may not post in the channel: make it an administrator';
  }
  if (rights.status === 'restricted' && rights.can_send_documents === false) {
    return 'may not send files in the chat';
  }
  return undefined;
}
