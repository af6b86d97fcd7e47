import { createHash } from 'node:crypto';
import type { ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { tap } from '../../core/streams/tap.ts';
import { attachmentName, attachmentType } from '../shared/attachment.ts';
import { orOneByte } from '../shared/or-one-byte.ts';
import { sendOrUndo } from '../shared/send-or-undo.ts';
import { type Answered, type DiscordApi, hasCode, type Message, unknownMessage } from './api.ts';
import type { DiscordRef } from './ref.ts';
import type { UrlCache } from './url-cache.ts';

export interface Sender {
  readonly api: DiscordApi;
  readonly channelId: string;
  readonly urls: UrlCache;
  readonly forget: (ref: DiscordRef, signal: AbortSignal) => Promise<void>;
  /** How often a key's message was stored and deleted again: its nonce is used up. */
  readonly usedNonces: Map<string, number>;
}

const maxRemembered = 1000;

export function putFile(
  sender: Sender,
  body: ReplayableBody,
  options: PutOptions,
): Promise<PutResult> {
  return sendOrUndo({
    signal: options.signal,
    send: (signal, onSent) => sendOnce(sender, body, { options, signal, onSent }),
    undo: async ({ ref }) => {
      spoil(sender, options.key);
      await sender.forget(ref as DiscordRef, AbortSignal.timeout(30_000));
    },
  });
}

interface Sending {
  readonly options: PutOptions;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}

async function sendOnce(
  sender: Sender,
  body: ReplayableBody,
  { options, signal, onSent }: Sending,
): Promise<PutResult> {
  const sent = tap(body.open(), { onEnd: onSent });
  const file = {
    filename: attachmentName(options),
    contentType: attachmentType(options.contentType),
    source: orOneByte(sent),
    size: body.size === 0 ? 1 : body.size,
  };
  const { channelId } = sender;
  const nonce = nonceOf(channelId, options.key, sender.usedNonces.get(options.key) ?? 0);
  try {
    const answered = await sender.api.createMessage({ channelId, nonce, file }, signal);
    return await resultOf(sender, answered, { bytes: sent.bytes, key: options.key });
  } catch (error) {
    if (!hasCode(error, unknownMessage)) {
      throw error;
    }
    // The nonce belongs to a message that is deleted by now: the next try needs another
    spoil(sender, options.key);
    throw fail('channel_unavailable', {
      message: 'Discord: an earlier message of this file was deleted',
      answered: true,
    });
  }
}

/**
 * The same for every try of a key, so that a try after a lost answer finds the message instead of
 * storing a second one.
 */
function nonceOf(channelId: string, key: string, usedNonces: number): string {
  return createHash('sha256')
    .update(`${channelId}/${key}/${usedNonces}`)
    .digest('base64url')
    .slice(0, 25);
}

async function resultOf(
  sender: Sender,
  { value, remoteNowMs }: Answered<Message>,
  sent: { bytes: number; key: string },
): Promise<PutResult> {
  const attachment = value.attachments[0];
  if (attachment === undefined) {
    throw fail('channel_unavailable', { message: 'Discord answered a message without a file' });
  }
  const ref = {
    channelId: value.channel_id,
    messageId: value.id,
    attachmentId: attachment.id,
    size: sent.bytes,
  };
  if (attachment.size === Math.max(1, sent.bytes)) {
    sender.urls.set(attachment.id, attachment.url, remoteNowMs);
    return { ref, size: sent.bytes };
  }
  spoil(sender, sent.key);
  await sender.forget(ref, AbortSignal.timeout(30_000)).catch(() => undefined);
  throw fail('channel_unavailable', {
    message: 'Discord stored other bytes than were sent',
    answered: true,
  });
}

function spoil({ usedNonces }: Sender, key: string): void {
  if (usedNonces.size >= maxRemembered) {
    usedNonces.clear();
  }
  usedNonces.set(key, (usedNonces.get(key) ?? 0) + 1);
}
