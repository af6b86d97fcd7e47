import { createHash, createHmac, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import {
  createFaults,
  type Exchange,
  type Faults,
  faultAfter,
  faultBefore,
  type ReceivedFile,
  type ReceivedForm,
  receiveForm,
  receiveParams,
  sendFile,
  sendJson,
  startEmulatorHost,
} from '../emulator-kit.ts';

export interface DiscordEmulatorOptions {
  readonly token?: string;
  readonly channelIds?: readonly string[];
  readonly latencyMs?: number;
  readonly maxUploadBytes?: number;
  /** How long the signed address of an attachment is good for. */
  readonly urlLifetimeMs?: number;
  /** Calls of one route in `windowMs`; more get 429. */
  readonly limit?: { readonly count: number; readonly windowMs: number };
  readonly ignoreRange?: boolean;
}

interface EmulatedMessage {
  readonly id: string;
  readonly channelId: string;
  readonly nonce: string | undefined;
  readonly attachments: readonly EmulatedAttachment[];
}

interface EmulatedAttachment {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  readonly path: string;
  readonly size: number;
}

/**
 * The Discord API and CDN as far as storage needs them. Calls and `faults` are named `POST
 * message`, `GET message`, `DELETE message`, ... and `download`.
 */
export interface DiscordEmulator {
  /** For `apiBase`; `restUrl` is the same without the version, as `@discordjs/rest` wants it. */
  readonly url: string;
  readonly restUrl: string;
  readonly token: string;
  readonly channelId: string;
  readonly messages: ReadonlyMap<string, EmulatedMessage>;
  readonly calls: readonly { readonly call: string; readonly status: number }[];
  readonly faults: Faults;
  /** The next `times` calls, of any route, hit the global limit. */
  limitEverything(retryAfterSeconds: number, times?: number): void;
  /** Moves the emulator's clock. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export const emulatedToken = 'MTIzNDU2Nzg5.Canary.TokenThatMustNeverShow-AnyWhere01';
const emulatedChannelId = '1100000000000000001';

interface State {
  readonly options: Required<
    Pick<DiscordEmulatorOptions, 'token' | 'channelIds' | 'maxUploadBytes' | 'urlLifetimeMs'>
  > &
    DiscordEmulatorOptions;
  readonly messages: Map<string, EmulatedMessage>;
  /** Message id by nonce; kept when the message is deleted. */
  readonly nonces: Map<string, { readonly id: string; readonly at: number }>;
  readonly windows: Map<string, { used: number; resetAt: number }>;
  readonly calls: { call: string; status: number }[];
  readonly faults: Faults;
  readonly key: Buffer;
  origin: string;
  dir: string;
  skewMs: number;
  global: { retryAfter: number; times: number };
}

export async function startDiscordEmulator(
  options: DiscordEmulatorOptions = {},
): Promise<DiscordEmulator> {
  const state: State = {
    options: {
      token: emulatedToken,
      channelIds: [emulatedChannelId],
      maxUploadBytes: 10 * 2 ** 20,
      urlLifetimeMs: 86_400_000,
      ...options,
    },
    messages: new Map(),
    nonces: new Map(),
    windows: new Map(),
    calls: [],
    faults: createFaults(),
    key: randomBytes(32),
    origin: '',
    dir: '',
    skewMs: 0,
    global: { retryAfter: 0, times: 0 },
  };
  const host = await startEmulatorHost((exchange) => route(state, exchange), options.latencyMs);
  state.dir = host.dir;
  state.origin = host.url;
  return {
    url: `${host.url}/api/v10`,
    restUrl: `${host.url}/api`,
    token: state.options.token,
    channelId: state.options.channelIds[0] ?? '',
    messages: state.messages,
    calls: state.calls,
    faults: state.faults,
    limitEverything: (retryAfter, times = 1) => {
      state.global = { retryAfter, times };
    },
    advance: (ms) => {
      state.skewMs += ms;
    },
    stop: host.stop,
  };
}

function nowOf(state: State): number {
  return Date.now() + state.skewMs;
}

let lastSnowflake = 0n;

function snowflake(state: State): string {
  const id = (BigInt(nowOf(state)) - 1_420_070_400_000n) << 22n;
  lastSnowflake = id > lastSnowflake ? id : lastSnowflake + 1n;
  return String(lastSnowflake);
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const refusal = (status: number, code: number, message: string): Answer => ({
  status,
  body: { message, code },
});
const unknownMessage = refusal(404, 10_008, 'Unknown Message');

interface Target {
  /** Name of the call, and of its rate limit within the channel. */
  readonly call: string;
  readonly channelId: string;
  readonly messageId: string;
}

async function route(state: State, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const url = new URL(request.url ?? '/', state.origin);
  if (url.pathname.startsWith('/attachments/')) {
    return download(state, exchange, url);
  }
  const target = targetOf(request.method ?? 'GET', url.pathname);
  const fault = state.faults.take(target.call);
  if (await faultBefore(fault, exchange)) {
    state.calls.push({ call: target.call, status: 0 });
    return;
  }
  const form = await receive(state, exchange);
  const { answer, headers } =
    limited(state, target) ?? (await answered(state, exchange, { target, form }));
  if (faultAfter(fault, exchange)) {
    state.calls.push({ call: target.call, status: 0 });
    return;
  }
  state.calls.push({ call: target.call, status: answer.status });
  const dated = { ...headers, date: new Date(nowOf(state)).toUTCString() };
  if (answer.body === undefined) {
    exchange.response.writeHead(answer.status, dated).end();
  } else {
    sendJson(exchange.response, answer.status, answer.body, dated);
  }
}

function targetOf(method: string, path: string): Target {
  const [, channelId = '', messageId = ''] =
    /^\/api\/v10\/channels\/(\d+)\/messages(?:\/(\d+))?$/.exec(path) ?? [];
  if (channelId !== '') {
    return { call: `${method} message`, channelId, messageId };
  }
  const [, typingIn = ''] = /^\/api\/v10\/channels\/(\d+)\/typing$/.exec(path) ?? [];
  if (typingIn !== '') {
    return { call: `${method} typing`, channelId: typingIn, messageId: '' };
  }
  return { call: `${method} ${path.replace('/api/v10', '')}`, channelId: '', messageId: '' };
}

async function receive(state: State, { request }: Exchange): Promise<ReceivedForm> {
  if (request.headers['content-type']?.startsWith('multipart/form-data')) {
    return receiveForm(request, state.dir);
  }
  return { fields: await receiveParams(request), files: [] };
}

interface Limited {
  readonly answer: Answer;
  readonly headers: Record<string, string>;
}

/** The answer of a limit that is hit. */
function limited(state: State, target: Target): Limited | undefined {
  if (state.global.times > 0) {
    state.global.times -= 1;
    const { retryAfter } = state.global;
    const headers = {
      'retry-after': String(Math.ceil(retryAfter)),
      'x-ratelimit-global': 'true',
      'x-ratelimit-scope': 'global',
    };
    return {
      answer: {
        status: 429,
        body: { message: 'You are being rate limited.', retry_after: retryAfter, global: true },
      },
      headers,
    };
  }
  const window = windowOf(state, target);
  if (window === undefined || window.used < (state.options.limit?.count ?? 0)) {
    return undefined;
  }
  const seconds = Math.max(0.001, (window.resetAt - nowOf(state)) / 1000);
  const headers = {
    ...limitHeaders(state, target),
    'retry-after': String(Math.ceil(seconds)),
    'x-ratelimit-scope': 'user',
  };
  return {
    answer: {
      status: 429,
      body: { message: 'You are being rate limited.', retry_after: seconds, global: false },
    },
    headers,
  };
}

function windowOf(state: State, { call, channelId }: Target) {
  const { limit } = state.options;
  if (limit === undefined) {
    return undefined;
  }
  const id = `${call}/${channelId}`;
  const known = state.windows.get(id);
  if (known !== undefined && known.resetAt > nowOf(state)) {
    return known;
  }
  const window = { used: 0, resetAt: nowOf(state) + limit.windowMs };
  state.windows.set(id, window);
  return window;
}

function limitHeaders(state: State, target: Target): Record<string, string> {
  const window = windowOf(state, target);
  if (window === undefined) {
    return {};
  }
  const count = state.options.limit?.count ?? 0;
  return {
    'x-ratelimit-limit': String(count),
    'x-ratelimit-remaining': String(Math.max(0, count - window.used)),
    'x-ratelimit-reset': (window.resetAt / 1000).toFixed(3),
    'x-ratelimit-reset-after': Math.max(0, (window.resetAt - nowOf(state)) / 1000).toFixed(3),
    'x-ratelimit-bucket': createHash('md5').update(target.call).digest('hex'),
  };
}

async function answered(
  state: State,
  { request }: Exchange,
  { target, form }: { target: Target; form: ReceivedForm },
): Promise<Limited> {
  const window = windowOf(state, target);
  if (window !== undefined) {
    window.used += 1;
  }
  const headers = limitHeaders(state, target);
  if (request.headers.authorization !== `Bot ${state.options.token}`) {
    return { answer: refusal(401, 0, '401: Unauthorized'), headers };
  }
  if (target.channelId !== '' && !state.options.channelIds.includes(target.channelId)) {
    return { answer: refusal(404, 10_003, 'Unknown Channel'), headers };
  }
  const answer = await calls[target.call]?.(state, target, form);
  return { answer: answer ?? refusal(404, 0, '404: Not Found'), headers };
}

const calls: Readonly<
  Record<string, (state: State, target: Target, form: ReceivedForm) => Answer | Promise<Answer>>
> = {
  'GET /users/@me': () => ({
    status: 200,
    body: { id: '1000000000000000001', username: 'stowage', bot: true },
  }),
  'POST typing': () => ({ status: 204 }),
  'POST message': createMessage,
  'GET message': (state, target) => {
    const message = findMessage(state, target);
    return message === undefined
      ? unknownMessage
      : { status: 200, body: messageJson(state, message) };
  },
  'DELETE message': async (state, target) => {
    const message = findMessage(state, target);
    if (message === undefined) {
      return unknownMessage;
    }
    state.messages.delete(message.id);
    await Promise.all(message.attachments.map(({ path }) => rm(path, { force: true })));
    return { status: 204 };
  },
  'POST /attachments/refresh-urls': (state, _, { fields }) => {
    const urls = JSON.parse(fields.attachment_urls ?? '[]') as string[];
    return {
      status: 200,
      body: {
        refreshed_urls: urls.map((original) => ({
          original,
          refreshed: refreshed(state, original),
        })),
      },
    };
  },
};

function findMessage(state: State, { channelId, messageId }: Target): EmulatedMessage | undefined {
  const message = state.messages.get(messageId);
  return message?.channelId === channelId ? message : undefined;
}

const nonceLifetimeMs = 5 * 60_000;

function earlierWith(state: State, nonce: string | undefined) {
  const earlier = nonce === undefined ? undefined : state.nonces.get(nonce);
  return earlier !== undefined && earlier.at > nowOf(state) - nonceLifetimeMs ? earlier : undefined;
}

async function createMessage(
  state: State,
  { channelId }: Target,
  form: ReceivedForm,
): Promise<Answer> {
  const payload = JSON.parse(form.fields.payload_json ?? '{}') as {
    nonce?: string | number;
    enforce_nonce?: boolean;
    content?: string;
    attachments?: { id: number | string; filename?: string }[];
  };
  const drop = () => Promise.all(form.files.map(({ path }) => rm(path, { force: true })));
  const nonce = payload.nonce === undefined ? undefined : String(payload.nonce);
  if (nonce !== undefined && nonce.length > 25) {
    return refusal(400, 50_035, 'Invalid Form Body');
  }
  const earlier = earlierWith(state, nonce);
  if (earlier !== undefined && payload.enforce_nonce) {
    await drop();
    const message = state.messages.get(earlier.id);
    return message === undefined
      ? unknownMessage
      : { status: 200, body: messageJson(state, message) };
  }
  if (form.files.some(({ size }) => size > state.options.maxUploadBytes)) {
    await drop();
    return refusal(413, 40_005, 'Request entity too large');
  }
  if (form.files.every(({ size }) => size === 0) && payload.content === undefined) {
    return refusal(400, 50_006, 'Cannot send an empty message');
  }
  const attachments = form.files.map((file) => attach(state, file, payload.attachments));
  const message: EmulatedMessage = { id: snowflake(state), channelId, nonce, attachments };
  state.messages.set(message.id, message);
  if (nonce !== undefined && earlier === undefined) {
    state.nonces.set(nonce, { id: message.id, at: nowOf(state) });
  }
  return { status: 200, body: messageJson(state, message) };
}

function attach(
  state: State,
  file: ReceivedFile,
  described: readonly { id: number | string; filename?: string }[] = [],
): EmulatedAttachment {
  const index = /^files\[(\d+)\]$/.exec(file.field)?.[1];
  const named = described.find(({ id }) => String(id) === index)?.filename ?? file.filename;
  // Discord keeps letters, digits, dot, dash and underscore of a name
  const filename = named.replaceAll(/[^\w.-]+/g, '_') || 'unknown';
  return {
    id: snowflake(state),
    filename,
    contentType: file.contentType,
    path: file.path,
    size: file.size,
  };
}

function messageJson(state: State, { id, channelId, nonce, attachments }: EmulatedMessage) {
  return {
    id,
    channel_id: channelId,
    type: 0,
    content: '',
    author: { id: '1000000000000000001', username: 'stowage', bot: true },
    timestamp: new Date(nowOf(state)).toISOString(),
    ...(nonce === undefined ? {} : { nonce }),
    attachments: attachments.map((attachment) => {
      const url = signedUrl(
        state,
        `/attachments/${channelId}/${attachment.id}/${attachment.filename}`,
      );
      return {
        id: attachment.id,
        filename: attachment.filename,
        size: attachment.size,
        content_type: attachment.contentType,
        url,
        proxy_url: url,
      };
    }),
  };
}

function signedUrl(state: State, path: string): string {
  const issued = Math.floor(nowOf(state) / 1000);
  const ex = Math.floor(issued + state.options.urlLifetimeMs / 1000).toString(16);
  const is = issued.toString(16);
  return `${state.origin}${path}?ex=${ex}&is=${is}&hm=${signature(state, path, ex, is)}&`;
}

function signature(state: State, ...parts: readonly string[]): string {
  return createHmac('sha256', state.key).update(parts.join('\n')).digest('hex');
}

function refreshed(state: State, original: string): string {
  return signedUrl(state, new URL(original).pathname);
}

async function download(state: State, exchange: Exchange, url: URL): Promise<void> {
  const fault = state.faults.take('download');
  if (await faultBefore(fault, exchange)) {
    state.calls.push({ call: 'download', status: 0 });
    return;
  }
  const attachment = isValid(state, url) ? findAttachment(state, url.pathname) : undefined;
  state.calls.push({ call: 'download', status: attachment === undefined ? 404 : 200 });
  if (attachment === undefined) {
    exchange.response
      .writeHead(404, { 'content-type': 'text/plain' })
      .end('This content is no longer available.');
    return;
  }
  const { path, size, contentType } = attachment;
  await sendFile(exchange, {
    path,
    size,
    contentType,
    ignoreRange: state.options.ignoreRange ?? false,
    cut: fault?.kind === 'cut',
  });
}

function isValid(state: State, { pathname, searchParams }: URL): boolean {
  const [ex = '', is = '', hm] = ['ex', 'is', 'hm'].map((name) => searchParams.get(name) ?? '');
  return hm === signature(state, pathname, ex, is) && Number.parseInt(ex, 16) * 1000 > nowOf(state);
}

function findAttachment(state: State, path: string): EmulatedAttachment | undefined {
  const [, , channelId, attachmentId] = path.split('/');
  const messages = [...state.messages.values()].filter(
    (message) => message.channelId === channelId,
  );
  return messages.flatMap(({ attachments }) => attachments).find(({ id }) => id === attachmentId);
}
