import { z } from 'zod';
import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../outbound/http-client.ts';
import { type MultipartFile, multipartBody } from '../shared/multipart-body.ts';
import { failForStatus, retryAfterMs } from '../shared/status.ts';
import { createRouteLimit, type RouteLimit, type RouteNews } from './route-limit.ts';

/**
 * Calls of the Discord API, each route inside its rate limit. Errors hold Discord's own words and
 * never the token.
 */
export interface DiscordApi {
  /** Waits its turn before the first byte of the body is read. */
  createMessage(message: OutgoingMessage, signal: AbortSignal): Promise<Answered<Message>>;
  getMessage(address: MessageAddress, signal: AbortSignal): Promise<Answered<Message>>;
  deleteMessage(address: MessageAddress, signal: AbortSignal): Promise<void>;
  me(signal: AbortSignal): Promise<void>;
  /** Shows the bot as typing: needs the right to send, stores nothing. */
  typing(channelId: string, signal: AbortSignal): Promise<void>;
}

interface MessageAddress {
  readonly channelId: string;
  readonly messageId: string;
}

interface OutgoingMessage {
  readonly channelId: string;
  /**
   * At most 25 characters: within minutes a second message with it is not stored, the first is
   * returned again.
   */
  readonly nonce: string;
  readonly file: Omit<MultipartFile, 'name'>;
}

export interface Answered<T> {
  readonly value: T;
  /** Discord's clock when it responded, milliseconds since the epoch. */
  readonly remoteNowMs: number | undefined;
}

const message = z.looseObject({
  id: z.string(),
  channel_id: z.string(),
  attachments: z.array(
    z.looseObject({ id: z.string(), size: z.int().nonnegative(), url: z.url() }),
  ),
});
export type Message = z.infer<typeof message>;

const problem = z.looseObject({
  code: z.int().optional(),
  message: z.string().optional(),
  retry_after: z.number().optional(),
  global: z.boolean().optional(),
});

const service = 'Discord';
const maxWaitMs = 15_000;
const unknownChannel = 10_003;
export const unknownMessage = 10_008;
const everyRoute = '*';
/** Message flag SUPPRESS_NOTIFICATIONS. */
const silent = 1 << 12;
/**
 * For the pause that a global limit asks for; the limit itself Discord does not count down for us.
 */
const unlimited: RouteNews = {
  remaining: Number.MAX_SAFE_INTEGER,
  resetAfterMs: 0,
  limit: Number.MAX_SAFE_INTEGER,
};

interface Context {
  readonly http: HttpClient;
  readonly base: string;
  readonly token: string;
  readonly routes: Map<string, RouteLimit>;
}

interface Call<T> {
  /** Name of the rate limit: method and path without the ids below the channel. */
  readonly route: string;
  readonly request: Omit<HttpRequest, 'url'> & { readonly path: string };
  readonly result: z.ZodType<T>;
  readonly waits?: boolean;
}

export function createDiscordApi(http: HttpClient, base: string, token: string): DiscordApi {
  const context: Context = { http, base, token, routes: new Map() };
  const messages = (channelId: string) => `/channels/${channelId}/messages`;
  return {
    createMessage: (outgoing, signal) => createMessage(context, outgoing, signal),
    getMessage: ({ channelId, messageId }, signal) =>
      call(context, {
        route: `GET ${messages(channelId)}`,
        request: { method: 'GET', path: `${messages(channelId)}/${messageId}`, signal },
        result: message,
      }),
    deleteMessage: async ({ channelId, messageId }, signal) => {
      const request = {
        method: 'DELETE',
        path: `${messages(channelId)}/${messageId}`,
        signal,
      } as const;
      await call(context, { route: `DELETE ${messages(channelId)}`, request, result: z.unknown() });
    },
    me: async (signal) => {
      await call(context, {
        route: 'GET /users/@me',
        request: { method: 'GET', path: '/users/@me', signal },
        result: z.looseObject({ id: z.string() }),
      });
    },
    typing: async (channelId, signal) => {
      const path = `/channels/${channelId}/typing`;
      await call(context, {
        route: `POST ${path}`,
        request: { method: 'POST', path, signal },
        result: z.unknown(),
      });
    },
  };
}

/** Whether Discord refused with one of these codes of its own. */
export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return isStowageError(error) && codes.includes(Number(error.details?.discordCode));
}

function createMessage(
  context: Context,
  { channelId, nonce, file }: OutgoingMessage,
  signal: AbortSignal,
): Promise<Answered<Message>> {
  const payload = JSON.stringify({
    nonce,
    enforce_nonce: true,
    attachments: [{ id: 0, filename: file.filename }],
    flags: silent,
  });
  const form = multipartBody(
    [{ name: 'payload_json', value: payload, contentType: 'application/json' }],
    {
      ...file,
      name: 'files[0]',
    },
  );
  const path = `/channels/${channelId}/messages`;
  const headers = { 'content-type': form.contentType };
  const request = {
    method: 'POST',
    path,
    headers,
    body: form.body,
    contentLength: form.contentLength,
    signal,
  } as const;
  return call(context, { route: `POST ${path}`, request, result: message, waits: true });
}

async function call<T>(
  context: Context,
  { route, request, result, waits }: Call<T>,
): Promise<Answered<T>> {
  const limit = routeOf(context, route);
  const everywhere = routeOf(context, everyRoute);
  // A body waits as long as it takes, before its first byte is read; a call with a time-out gets
  // the time to retry.
  const report = await limit.take(request.signal, waits ? undefined : maxWaitMs);
  let news: RouteNews = {};
  try {
    await everywhere
      .take(request.signal, waits ? undefined : maxWaitMs)
      .then((done) => done(unlimited));
    const { path, headers, ...rest } = request;
    const response = await context.http.send({
      ...rest,
      url: `${context.base}${path}`,
      headers: { ...headers, ...authorization(context) },
    });
    news = newsOf(response);
    if (response.status >= 200 && response.status < 300) {
      return await parseAnswer(response, result);
    }
    const error = await failure(context, response);
    if (error.retryAfterMs !== undefined) {
      (error.details?.global ? everywhere : limit).pause(error.retryAfterMs);
    }
    throw error;
  } finally {
    report(news);
  }
}

function routeOf({ routes }: Context, route: string): RouteLimit {
  const known = routes.get(route) ?? createRouteLimit();
  routes.set(route, known);
  return known;
}

function authorization({ token }: Context): Record<string, string> {
  return { authorization: `Bot ${token}`, 'user-agent': 'DiscordBot (stowage, 1.0)' };
}

function newsOf(response: HttpResponse): RouteNews {
  const number = (name: string) => {
    const value = response.header(name);
    return value === undefined || !Number.isFinite(Number(value)) ? undefined : Number(value);
  };
  const resetAfter = number('x-ratelimit-reset-after');
  return {
    limit: number('x-ratelimit-limit'),
    remaining: number('x-ratelimit-remaining'),
    resetAfterMs: resetAfter === undefined ? undefined : resetAfter * 1000,
  };
}

async function parseAnswer<T>(response: HttpResponse, schema: z.ZodType<T>): Promise<Answered<T>> {
  const body = response.status === 204 ? await response.discard() : await response.json();
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    throw fail('channel_unavailable', {
      message: `${service} answered ${response.status} with something that is not its API's`,
    });
  }
  const date = Date.parse(response.header('date') ?? '');
  return { value: parsed.data, remoteNowMs: Number.isFinite(date) ? date : undefined };
}

async function failure({ http }: Context, response: HttpResponse): Promise<StowageError> {
  const parsed = problem.safeParse(await response.json());
  const { code, message: words = '', retry_after, global } = parsed.success ? parsed.data : {};
  const retryMs =
    retry_after === undefined
      ? retryAfterMs(response.header('retry-after'), Date.now())
      : Math.ceil(retry_after * 1000);
  const status = statusOf(response.status, code);
  const error = failForStatus({
    service,
    status,
    words: http.redact(words),
    retryAfterMs: response.status === 429 ? (retryMs ?? 1000) : retryMs,
  });
  return fail(error.code, {
    message: error.message,
    retryAfterMs: error.retryAfterMs,
    details: {
      discordCode: code,
      global: global || undefined,
    },
  });
}

/**
 * A 404 is about the object only when Discord itself names it; otherwise it comes from a wrong
 * address or a proxy.
 */
function statusOf(status: number, code: number | undefined): number {
  return status === 404 && code !== unknownMessage && code !== unknownChannel ? 502 : status;
}
