import { z } from 'zod';
import type { Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';

const discordRef = z.object({
  channelId: z.string().regex(/^\d+$/),
  messageId: z.string().regex(/^\d+$/),
  attachmentId: z.string().regex(/^\d+$/),
  /** Bytes of the file; 0 for an empty one, which Discord holds as one byte. */
  size: z.int().nonnegative(),
});

export type DiscordRef = z.infer<typeof discordRef>;

export function parseDiscordRef(ref: Ref): DiscordRef {
  const parsed = discordRef.safeParse(ref);
  if (!parsed.success) {
    throw fail('not_found', { message: 'This is not the address of a file on Discord.' });
  }
  return parsed.data;
}
