import { z } from 'zod';
import { fail } from '../../core/errors.ts';
import type { Bot, TelegramApi } from './api.ts';

const me = z.looseObject({ id: z.int(), username: z.string().optional() });
const chat = z.looseObject({ id: z.int(), type: z.string() });
const member = z.looseObject({
  status: z.string(),
  can_post_messages: z.boolean().optional(),
  can_send_documents: z.boolean().optional(),
});

/** Proves that the bot exists, sees the chat and may send files to it. */
export async function checkBot(
  api: TelegramApi,
  bot: Bot,
  { chatId, signal }: { chatId: string; signal: AbortSignal },
): Promise<void> {
  const { id, username } = await api.call(bot, { method: 'getMe', params: {}, result: me }, signal);
  const { type } = await api.call(bot, { method: 'getChat', params: { chat_id: chatId }, result: chat }, signal);
  if (type === 'private') return;
  const params = { chat_id: chatId, user_id: id };
  const rights = await api.call(bot, { method: 'getChatMember', params, result: member }, signal);
  const problem = problemOf(type, rights);
  if (problem !== undefined) throw fail('channel_unauthorized', { message: `Telegram: the bot ${username ?? id} ${problem}` });
}

function problemOf(type: string, rights: z.infer<typeof member>): string | undefined {
  if (rights.status === 'left' || rights.status === 'kicked') return `is not in the chat (${rights.status})`;
  if (type === 'channel' && rights.status !== 'creator' && rights.can_post_messages !== true)
    return 'may not post in the channel: make it an administrator';
  if (rights.status === 'restricted' && rights.can_send_documents === false) return 'may not send files in the chat';
  return undefined;
}
