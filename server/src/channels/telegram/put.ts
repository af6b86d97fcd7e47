import type { ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions, PutResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { createTurns, type Turns } from '../../core/guard/turns.ts';
import type { Prober } from '../../core/prober.ts';
import { tap } from '../../core/streams/tap.ts';
import { attachmentName, attachmentType } from '../shared/attachment.ts';
import { orOneByte } from '../shared/or-one-byte.ts';
import { sendOrUndo } from '../shared/send-or-undo.ts';
import { type Bot, type Message, refusedWith, type StoredFile, type TelegramApi } from './api.ts';
import type { Chat } from './chat.ts';
import { chooseForm } from './photo.ts';
import type { TelegramRef } from './ref.ts';

export interface Sender {
  readonly api: TelegramApi;
  readonly chat: Chat;
  readonly bots: readonly PacedBot[];
  readonly prober: Pick<Prober, 'fromHead'>;
  readonly forget: (ref: TelegramRef, signal: AbortSignal) => Promise<void>;
  /** How a key must be sent the next time, after Telegram did not take it, or changed it. */
  readonly fallbackForms: Map<string, Form>;
}

export interface PacedBot extends Bot {
  readonly turns: Turns;
}

/** `opaque`: a document under a name and type that Telegram has no opinion on. */
type Form = 'photo' | 'document' | 'opaque';

const maxRemembered = 1000;

export function createPacedBot(
  token: string,
  pace: { perSecond: number; perMinute: number; minuteMs: number },
): PacedBot {
  const perSecond = { count: pace.perSecond, lengthMs: 1000, from: 'start' } as const;
  const perMinute = { count: pace.perMinute, lengthMs: pace.minuteMs, from: 'end' } as const;
  const turns = createTurns(pace.perMinute === 0 ? [perSecond] : [perSecond, perMinute]);
  return { id: token.slice(0, token.indexOf(':')), token, turns };
}

export async function putFile(
  sender: Sender,
  body: ReplayableBody,
  options: PutOptions,
): Promise<PutResult> {
  options.signal.throwIfAborted();
  const bot = leastBusy(sender.bots);
  const endTurn = await bot.turns.take(options.signal);
  try {
    return await sendOrUndo({
      signal: options.signal,
      // Only now is the body touched: the time waited is ours, not the body's
      send: async (signal, onSent) =>
        sendOnce(sender, bot, {
          form: await formFor(sender, body, options),
          body,
          options,
          signal,
          onSent,
        }),
      undo: ({ ref }) => sender.forget(ref as TelegramRef, AbortSignal.timeout(30_000)),
    });
  } finally {
    endTurn();
  }
}

function leastBusy(bots: readonly PacedBot[]): PacedBot {
  const [first, ...others] = bots;
  if (first === undefined) {
    throw fail('channel_unauthorized', { message: 'Telegram: no bot is configured' });
  }
  return others.reduce(
    (best, bot) => (bot.turns.waitMs() < best.turns.waitMs() ? bot : best),
    first,
  );
}

async function formFor(sender: Sender, body: ReplayableBody, options: PutOptions): Promise<Form> {
  return sender.fallbackForms.get(options.key) ?? chooseForm(body, options, sender.prober);
}

interface Sending {
  readonly form: Form;
  readonly body: ReplayableBody;
  readonly options: PutOptions;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}

async function sendOnce(sender: Sender, bot: PacedBot, sending: Sending): Promise<PutResult> {
  const { form, body, options, signal } = sending;
  const sent = tap(body.open(), { onEnd: sending.onSent });
  const name = attachmentName(options);
  const chatId = sender.chat.id();
  const file = {
    as: form === 'photo' ? ('photo' as const) : ('document' as const),
    chatId,
    filename: form === 'opaque' ? `${name}.bin` : name,
    contentType:
      form === 'opaque' ? 'application/octet-stream' : attachmentType(options.contentType),
    source: orOneByte(sent),
    size: body.size === 0 ? 1 : body.size,
  };
  try {
    const message = await sender.api.send(bot, file, signal);
    return await resultOf(sender, bot, { message, form, bytes: sent.bytes, key: options.key });
  } catch (error) {
    if (isStowageError(error, 'channel_rate_limited')) {
      bot.turns.pause(error.retryAfterMs ?? 1000);
    }
    // The body is used up: core repeats what is merely unavailable
    if (sender.chat.id() !== chatId) {
      throw fail('channel_unavailable', { message: sender.chat.notice() ?? '', answered: true });
    }
    if (form === 'photo' && refusedWith(error, /./)) {
      throw again(sender, options.key, 'document', error.message);
    }
    throw error;
  }
}

interface Sent {
  readonly message: Message;
  readonly form: Form;
  readonly bytes: number;
  readonly key: string;
}

async function resultOf(
  sender: Sender,
  bot: Bot,
  { message, form, bytes, key }: Sent,
): Promise<PutResult> {
  const stored = fileOf(message);
  if (stored === undefined) {
    throw fail('channel_unavailable', { message: 'Telegram answered a message without a file' });
  }
  const size = form === 'photo' ? stored.file_size : bytes;
  const ref: TelegramRef = {
    chatId: String(message.chat.id),
    messageId: message.message_id,
    fileId: stored.file_id,
    fileUniqueId: stored.file_unique_id,
    botId: bot.id,
    size: size ?? 0,
  };
  const kept =
    size !== undefined &&
    (form === 'photo' || stored.file_size === undefined || stored.file_size === Math.max(1, bytes));
  if (kept) {
    return { ref, size, recompressed: form === 'photo' ? pixelsOf(stored) : undefined };
  }
  await sender.forget(ref, AbortSignal.timeout(30_000)).catch(() => undefined);
  if (form === 'opaque') {
    throw fail('channel_refused', { message: 'Telegram stored other bytes than were sent' });
  }
  throw again(
    sender,
    key,
    form === 'photo' ? 'document' : 'opaque',
    'Telegram stored other bytes than were sent',
  );
}

/** Telegram scales large photos down. */
function pixelsOf({ width, height }: StoredFile): NonNullable<PutResult['recompressed']> {
  return { width, height };
}

/** Of a photo's sizes the largest; of anything else the one there is. */
function fileOf(message: Message): StoredFile | undefined {
  const photo = message.photo?.toSorted((a, b) => (b.file_size ?? 0) - (a.file_size ?? 0))[0];
  return (
    photo ??
    message.document ??
    message.animation ??
    message.sticker ??
    message.video ??
    message.audio ??
    message.voice
  );
}

/**
 * The body is used up, so another form needs another `put`: core repeats what is merely
 * unavailable.
 */
function again(sender: Sender, key: string, form: Form, words: string) {
  if (sender.fallbackForms.size >= maxRemembered) {
    sender.fallbackForms.clear();
  }
  sender.fallbackForms.set(key, form);
  return fail('channel_unavailable', {
    message: `${words}; the next try goes out as a plain file`,
    answered: true,
  });
}
