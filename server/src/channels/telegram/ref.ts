import { z } from 'zod';
import type { Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';

const telegramRef = z.object({
  chatId: z.string(),
  messageId: z.int(),
  /** Good for the bot that sent it only. */
  fileId: z.string(),
  fileUniqueId: z.string(),
  botId: z.string(),
  /** Bytes of the file; 0 for an empty one, which Telegram holds as one byte. */
  size: z.int().nonnegative(),
});

export type TelegramRef = z.infer<typeof telegramRef>;

export function parseTelegramRef(ref: Ref): TelegramRef {
  const parsed = telegramRef.safeParse(ref);
  if (!parsed.success) {
    throw fail('not_found', { message: 'This is not the address of a file on Telegram.' });
  }
  return parsed.data;
}
