import { z } from 'zod';
import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import type { HttpClient, HttpResponse } from '../../outbound/http-client.ts';
import { multipartBody } from '../shared/multipart-body.ts';
import { rangeHeader } from '../shared/ranged.ts';
import { failForStatus } from '../shared/status.ts';

export interface Bot {
  /** The public half of the token. */
  readonly id: string;
  readonly token: string;
}

/** Calls of the Bot API. Errors hold Telegram's own words and never the token. */
export interface TelegramApi {
  call<T>(bot: Bot, call: MethodCall<T>, signal: AbortSignal): Promise<T>;
  /** Sends a file as `sendDocument` or `sendPhoto`. */
  send(bot: Bot, file: OutgoingFile, signal: AbortSignal): Promise<Message>;
  /** Any status; the body is still to be read. */
  download(
    bot: Bot,
    path: string,
    options: { readonly range?: ByteRange | undefined; readonly signal: AbortSignal },
  ): Promise<HttpResponse>;
}

interface MethodCall<T> {
  readonly method: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly result: z.ZodType<T>;
}

interface OutgoingFile {
  readonly as: 'document' | 'photo';
  readonly chatId: string;
  readonly filename: string;
  readonly contentType: string;
  readonly source: ByteSource;
  readonly size: number | undefined;
}

const storedFile = z.looseObject({
  file_id: z.string().min(1),
  file_unique_id: z.string().min(1),
  file_size: z.int().nonnegative().optional(),
  width: z.int().optional(),
  height: z.int().optional(),
});
export type StoredFile = z.infer<typeof storedFile>;

const message = z.looseObject({
  message_id: z.int(),
  chat: z.looseObject({ id: z.int() }),
  document: storedFile.optional(),
  animation: storedFile.optional(),
  sticker: storedFile.optional(),
  video: storedFile.optional(),
  audio: storedFile.optional(),
  voice: storedFile.optional(),
  photo: z.array(storedFile).optional(),
});
export type Message = z.infer<typeof message>;

const answer = z.looseObject({
  ok: z.boolean(),
  result: z.unknown().optional(),
  error_code: z.int().optional(),
  description: z.string().optional(),
  parameters: z
    .looseObject({ retry_after: z.number().optional(), migrate_to_chat_id: z.int().optional() })
    .optional(),
});

const service = 'Telegram';

/**
 * Called when Telegram reports a new number of the chat; the call that got this response fails with
 * `channel_refused`.
 */
export type OnChatMoved = (from: string, to: string) => void;

export function createTelegramApi(
  http: HttpClient,
  base: string,
  onChatMoved: OnChatMoved,
): TelegramApi {
  const urlOf = (bot: Bot, method: string) => `${base}/bot${bot.token}/${method}`;
  return {
    call: async (bot, { method, params, result }, signal) => {
      const headers = { 'content-type': 'application/json' };
      const response = await http.send({
        method: 'POST',
        url: urlOf(bot, method),
        headers,
        body: JSON.stringify(params),
        signal,
      });
      return parseResult(
        { http, onMoved: (to) => onChatMoved(String(params.chat_id), to) },
        response,
        result,
      );
    },
    send: async (bot, file, signal) => {
      const form = formOf(file);
      const url = urlOf(bot, file.as === 'photo' ? 'sendPhoto' : 'sendDocument');
      const headers = { 'content-type': form.contentType };
      const response = await http.send({
        method: 'POST',
        url,
        headers,
        body: form.body,
        contentLength: form.contentLength,
        signal,
      });
      return parseResult(
        { http, onMoved: (to) => onChatMoved(file.chatId, to) },
        response,
        message,
      );
    },
    download: (bot, path, { range, signal }) => {
      const url = `${base}/file/bot${bot.token}/${path.split('/').map(encodeURIComponent).join('/')}`;
      return http.send({
        method: 'GET',
        url,
        headers: range === undefined ? {} : { range: rangeHeader(range) },
        signal,
      });
    },
  };
}

function formOf(file: OutgoingFile) {
  const fields = [
    { name: 'chat_id', value: file.chatId },
    { name: 'disable_notification', value: 'true' },
  ];
  if (file.as === 'document') {
    // Bot API 5.0: without it a GIF comes back as MP4 and a WebP as a sticker.
    fields.push({ name: 'disable_content_type_detection', value: 'true' });
  }
  return multipartBody(fields, { ...file, name: file.as });
}

interface Parsing {
  readonly http: HttpClient;
  readonly onMoved: (to: string) => void;
}

async function parseResult<T>(
  { http, onMoved }: Parsing,
  response: HttpResponse,
  schema: z.ZodType<T>,
): Promise<T> {
  const parsed = answer.safeParse(await response.json());
  if (!parsed.success) {
    throw notTheApi(response.status);
  }
  const { ok, result, error_code, description, parameters } = parsed.data;
  if (!ok) {
    const moved = parameters?.migrate_to_chat_id;
    if (moved !== undefined) {
      onMoved(String(moved));
    }
    throw apiError({
      status: error_code ?? response.status,
      words:
        http.redact(description ?? '') + (moved === undefined ? '' : ` (the chat is now ${moved})`),
      retryAfterMs:
        parameters?.retry_after === undefined ? undefined : parameters.retry_after * 1000,
    });
  }
  const typed = schema.safeParse(result);
  if (!typed.success) {
    throw notTheApi(response.status);
  }
  return typed.data;
}

function notTheApi(status: number): StowageError {
  if (status >= 200 && status < 300) {
    return fail('channel_unavailable', {
      message: `${service} answered ${status} with something that is not the Bot API's`,
    });
  }
  // 4xx pages of a proxy in between say nothing about the file.
  return failForStatus({ service, status: status === 404 ? 502 : status, words: '' });
}

interface ApiFailure {
  readonly status: number;
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

function apiError({ status, words, retryAfterMs }: ApiFailure): StowageError {
  const hint = hintFor(status, words);
  const told = hint === undefined ? words : `${words} (${hint})`;
  // 404 is what a token of the wrong form gets.
  if (status === 404) {
    return fail('channel_unauthorized', { message: `${service} answered 404: ${told}` });
  }
  return failForStatus({ service, status, words: told, retryAfterMs });
}

/** What the owner can do about it. */
function hintFor(status: number, words: string): string | undefined {
  if (status === 401 || status === 404) {
    return 'check botToken: @BotFather shows it';
  }
  if (/chat not found/i.test(words)) {
    return 'check chatId: numbers of channels and supergroups start with -100; the bot must be an administrator of the chat';
  }
  if (status === 403) {
    return 'add the bot to the chat as an administrator';
  }
  if (/not enough rights|need administrator rights/i.test(words)) {
    return 'make the bot an administrator of the chat';
  }
  return undefined;
}

/** Whether Telegram's words in `error` match; only refusals (400) are looked at. */
export function refusedWith(error: unknown, words: RegExp): error is StowageError {
  return isStowageError(error, 'channel_refused') && words.test(error.message);
}
