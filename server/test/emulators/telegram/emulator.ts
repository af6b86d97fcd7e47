import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { imageSize } from 'image-size';
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

export interface TelegramEmulatorOptions {
  readonly tokens?: readonly string[];
  readonly chats?: readonly EmulatedChat[];
  readonly latencyMs?: number;
  readonly maxUploadBytes?: number;
  readonly maxDownloadBytes?: number;
  readonly filePathLifetimeMs?: number;
  /** Messages a bot may send to a chat; more get 429. `minuteMs` makes minutes short for tests. */
  readonly pace?: {
    readonly perSecond?: number;
    readonly perMinute?: number;
    readonly minuteMs?: number;
  };
  /** As some reverse proxies do. */
  readonly ignoreRange?: boolean;
}

export interface EmulatedChat {
  readonly id: number;
  readonly username?: string;
  readonly type: 'private' | 'group' | 'supergroup' | 'channel';
  /** The bot is an administrator that may post and delete. Default true. */
  readonly admin?: boolean;
  /** The bot is in the chat. Default true. */
  readonly member?: boolean;
  /** The supergroup that this group has become. */
  readonly migratedTo?: number;
}

interface EmulatedMessage {
  readonly id: number;
  readonly chatId: number;
  readonly botId: string;
  readonly method: string;
  readonly file: EmulatedFile;
  sentAt: number;
}

interface EmulatedFile {
  /** Of photos. */
  readonly width?: number;
  readonly height?: number;
  readonly fileId: string;
  readonly uniqueId: string;
  readonly filename: string;
  readonly contentType: string;
  readonly path: string;
  readonly size: number;
}

/**
 * The Bot API as far as storage needs it. Method names are the names of `faults`, and `download`
 * for `/file/...`.
 */
export interface TelegramEmulator {
  readonly url: string;
  readonly token: string;
  readonly messages: ReadonlyMap<number, EmulatedMessage>;
  /** Every call so far, as method and status. */
  readonly calls: readonly { readonly method: string; readonly status: number }[];
  readonly faults: Faults;
  /** Moves the emulator's clock: for lifetimes and the 48 hours of deletion. */
  advance(ms: number): void;
  /** A group becomes a supergroup with another number. */
  upgrade(from: number, to: number): void;
  stop(): Promise<void>;
}

export const emulatedToken = '123456789:AAEmulatedCanaryTokenThatMustNeverShow1';
export const emulatedChat: EmulatedChat = {
  id: -1001234567890,
  username: 'stowage_files',
  type: 'channel',
};

const dayMs = 86_400_000;

interface State {
  readonly options: Required<
    Pick<
      TelegramEmulatorOptions,
      'tokens' | 'maxUploadBytes' | 'maxDownloadBytes' | 'filePathLifetimeMs'
    >
  > &
    TelegramEmulatorOptions;
  readonly messages: Map<number, EmulatedMessage>;
  readonly paths: Map<string, { readonly file: EmulatedFile; readonly expiresAt: number }>;
  readonly sent: Map<string, number[]>;
  readonly calls: { method: string; status: number }[];
  readonly faults: Faults;
  chats: readonly EmulatedChat[];
  dir: string;
  skewMs: number;
  lastId: number;
}

export async function startTelegramEmulator(
  options: TelegramEmulatorOptions = {},
): Promise<TelegramEmulator> {
  const state: State = {
    options: {
      tokens: [emulatedToken],
      maxUploadBytes: 50 * 2 ** 20,
      maxDownloadBytes: 20 * 2 ** 20,
      filePathLifetimeMs: 3_600_000,
      ...options,
    },
    messages: new Map(),
    paths: new Map(),
    sent: new Map(),
    calls: [],
    faults: createFaults(),
    chats: options.chats ?? [emulatedChat],
    dir: '',
    skewMs: 0,
    lastId: 0,
  };
  const host = await startEmulatorHost((exchange) => route(state, exchange), options.latencyMs);
  state.dir = host.dir;
  return {
    url: host.url,
    token: state.options.tokens[0] ?? '',
    messages: state.messages,
    calls: state.calls,
    faults: state.faults,
    advance: (ms) => {
      state.skewMs += ms;
    },
    upgrade: (from, to) => {
      const group = state.chats.find(({ id }) => id === from);
      if (group === undefined) {
        throw new Error(`no chat ${from}`);
      }
      state.chats = [
        ...state.chats.filter((chat) => chat !== group),
        { ...group, migratedTo: to },
        { ...group, id: to, type: 'supergroup' },
      ];
    },
    stop: host.stop,
  };
}

function nowOf(state: State): number {
  return Date.now() + state.skewMs;
}

/** An answer of the Bot API: a result, or a refusal. */
type Answer =
  | { readonly result: unknown }
  | { readonly status: number; readonly description: string; readonly parameters?: unknown };

async function route(state: State, exchange: Exchange): Promise<void> {
  const { pathname } = new URL(exchange.request.url ?? '/', 'http://emulator');
  const [, file, token = '', rest = ''] = /^\/(file\/)?bot([^/]+)\/(.+)$/.exec(pathname) ?? [];
  if (!/^\d+:[\w-]+$/.test(token)) {
    return reply(state, exchange, '?', { status: 404, description: 'Not Found' });
  }
  if (!state.options.tokens.includes(token)) {
    return reply(state, exchange, rest, { status: 401, description: 'Unauthorized' });
  }
  if (file === undefined) {
    return callMethod(state, exchange, { botId: token.split(':')[0] ?? '', method: rest });
  }
  return download(state, exchange, decodeURIComponent(rest));
}

function reply(
  state: State,
  { request, response }: Exchange,
  method: string,
  answer: Answer,
): void {
  const status = 'result' in answer ? 200 : answer.status;
  state.calls.push({ method, status });
  request.resume();
  const body =
    'result' in answer
      ? { ok: true, result: answer.result }
      : {
          ok: false,
          error_code: status,
          description: answer.description,
          ...(answer.parameters === undefined ? {} : { parameters: answer.parameters }),
        };
  sendJson(response, status, body);
}
interface MethodRequest {
  readonly botId: string;
  readonly method: string;
}

async function callMethod(
  state: State,
  exchange: Exchange,
  { botId, method }: MethodRequest,
): Promise<void> {
  const fault = state.faults.take(method);
  if (await faultBefore(fault, exchange)) {
    state.calls.push({ method, status: 0 });
    return;
  }
  const form = await receive(state, exchange);
  const answer = await methods[method]?.(state, { botId, method, form });
  if (faultAfter(fault, exchange)) {
    state.calls.push({ method, status: 0 });
    return;
  }
  reply(
    state,
    exchange,
    method,
    answer ?? { status: 404, description: 'Not Found: method not found' },
  );
}

async function receive(state: State, { request }: Exchange): Promise<ReceivedForm> {
  if (request.headers['content-type']?.startsWith('multipart/form-data')) {
    return receiveForm(request, state.dir);
  }
  return { fields: await receiveParams(request), files: [] };
}

interface MethodCall extends MethodRequest {
  readonly form: ReceivedForm;
}

const methods: Readonly<
  Record<string, (state: State, call: MethodCall) => Answer | Promise<Answer>>
> = {
  getMe: (_, { botId }) => ({
    result: { id: Number(botId), is_bot: true, first_name: 'Stowage', username: 'stowage_bot' },
  }),
  getChat: (state, { form }) => withChat(state, form, (chat) => ({ result: chatJson(chat) })),
  getChatMember: (state, { form }) =>
    withChat(state, form, (chat) => ({ result: memberJson(chat, Number(form.fields.user_id)) })),
  sendDocument: (state, call) => sendMessage(state, call, 'document'),
  sendPhoto: (state, call) => sendMessage(state, call, 'photo'),
  getFile: (state, call) => getFile(state, call),
  deleteMessage: (state, call) => deleteMessage(state, call),
  editMessageReplyMarkup: (state, call) => editMessage(state, call),
};

function withChat(
  state: State,
  form: ReceivedForm,
  then: (chat: EmulatedChat) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const wanted = form.fields.chat_id ?? '';
  const chat = state.chats.find(
    ({ id, username }) =>
      String(id) === wanted || (username !== undefined && `@${username}` === wanted),
  );
  if (wanted === '') {
    return { status: 400, description: 'Bad Request: chat_id is empty' };
  }
  if (chat?.migratedTo !== undefined) {
    return migrated(chat.migratedTo);
  }
  return chat === undefined
    ? { status: 400, description: 'Bad Request: chat not found' }
    : then(chat);
}

function migrated(to: number): Answer {
  const description = 'Bad Request: group chat was upgraded to a supergroup chat';
  return { status: 400, description, parameters: { migrate_to_chat_id: to } };
}

function chatJson({ id, username, type }: EmulatedChat) {
  return { id, title: 'Files', ...(username === undefined ? {} : { username }), type };
}

function memberJson(chat: EmulatedChat, userId: number) {
  const user = { id: userId, is_bot: true, first_name: 'Stowage' };
  if (chat.member === false) {
    return { user, status: 'left' };
  }
  if (chat.admin === false) {
    return { user, status: 'member' };
  }
  return { user, status: 'administrator', can_post_messages: true, can_delete_messages: true };
}

function sendMessage(
  state: State,
  call: MethodCall,
  field: 'document' | 'photo',
): Answer | Promise<Answer> {
  return withChat(state, call.form, async (chat) => {
    const file = attached(call.form, field);
    const refusal =
      refusalOf(state, chat, { call, field, file }) ??
      (field === 'photo' && file ? await photoRefusal(file) : undefined);
    if (refusal !== undefined || file === undefined) {
      await Promise.all(call.form.files.map(({ path }) => rm(path, { force: true })));
      return (
        refusal ?? { status: 400, description: `Bad Request: there is no ${field} in the request` }
      );
    }
    return { result: await store(state, chat, { call, field, file }) };
  });
}

/**
 * The file part of a field: the part of that name, or the one the field points to with `attach://`.
 */
function attached({ fields, files }: ReceivedForm, field: string): ReceivedFile | undefined {
  const name = /^attach:\/\/(.+)$/.exec(fields[field] ?? '')?.[1] ?? field;
  return files.find((file) => file.field === name);
}

interface Incoming {
  readonly call: MethodCall;
  readonly field: 'document' | 'photo';
  readonly file: ReceivedFile;
}

function refusalOf(
  state: State,
  chat: EmulatedChat,
  { call, file }: Omit<Incoming, 'file'> & { file: ReceivedFile | undefined },
): Answer | undefined {
  if (chat.member === false) {
    return { status: 403, description: 'Forbidden: bot is not a member of the channel chat' };
  }
  if (chat.type === 'channel' && chat.admin === false) {
    return {
      status: 400,
      description: 'Bad Request: need administrator rights in the channel chat',
    };
  }
  if (file !== undefined && file.size > state.options.maxUploadBytes) {
    return { status: 413, description: 'Request Entity Too Large' };
  }
  if (file !== undefined && file.size === 0) {
    return { status: 400, description: 'Bad Request: file must be non-empty' };
  }
  const retryAfterMs = takeTurn(state, `${call.botId}/${chat.id}`);
  if (retryAfterMs === 0) {
    return undefined;
  }
  const seconds = Math.ceil(retryAfterMs / 1000);
  return {
    status: 429,
    description: `Too Many Requests: retry after ${seconds}`,
    parameters: { retry_after: seconds },
  };
}

/** 0 when the message may go, otherwise how long to wait. */
function takeTurn(state: State, target: string): number {
  const {
    perSecond = Infinity,
    perMinute = Infinity,
    minuteMs = 60_000,
  } = state.options.pace ?? {};
  const now = nowOf(state);
  const sent = (state.sent.get(target) ?? []).filter((at) => at > now - Math.max(minuteMs, 1000));
  state.sent.set(target, sent);
  const waits = [
    { count: perSecond, lengthMs: 1000 },
    { count: perMinute, lengthMs: minuteMs },
  ].map(({ count, lengthMs }) =>
    Number.isFinite(count) ? (sent.at(-count) ?? -Infinity) + lengthMs - now : 0,
  );
  const waitMs = Math.max(0, ...waits);
  if (waitMs === 0) {
    sent.push(now);
  }
  return waitMs;
}

async function photoRefusal(file: ReceivedFile): Promise<Answer | undefined> {
  if (file.size > 10 * 2 ** 20) {
    return { status: 413, description: 'Request Entity Too Large' };
  }
  const { width, height } = await sizeOf(file.path);
  if (width === 0) {
    return { status: 400, description: 'Bad Request: IMAGE_PROCESS_FAILED' };
  }
  const fits = width + height <= 10_000 && Math.max(width, height) <= 20 * Math.min(width, height);
  return fits ? undefined : { status: 400, description: 'Bad Request: PHOTO_INVALID_DIMENSIONS' };
}

async function sizeOf(path: string): Promise<{ width: number; height: number }> {
  const { readFile } = await import('node:fs/promises');
  try {
    return imageSize(await readFile(path));
  } catch {
    return { width: 0, height: 0 };
  }
}

async function store(state: State, chat: EmulatedChat, { call, field, file }: Incoming) {
  state.lastId += 1;
  const sizes =
    field === 'photo'
      ? await photoSizes(state, file)
      : [asStored(await converted(file, call.form))];
  const largest = sizes.at(-1);
  if (largest === undefined) {
    throw new Error('no file');
  }
  const message: EmulatedMessage = {
    id: state.lastId,
    chatId: chat.id,
    botId: call.botId,
    method: call.method,
    file: largest,
    sentAt: nowOf(state),
  };
  state.messages.set(message.id, message);
  const base = {
    message_id: message.id,
    chat: chatJson(chat),
    date: Math.floor(message.sentAt / 1000),
  };
  return {
    ...base,
    ...(field === 'photo' ? { photo: sizes.map(fileJson) } : documentJson(largest)),
  };
}

function asStored(file: ReceivedFile): EmulatedFile {
  const { filename, contentType, path, size } = file;
  return {
    fileId: `BQAC${randomBytes(40).toString('base64url')}`,
    uniqueId: `Ag${randomBytes(9).toString('base64url')}`,
    filename,
    contentType,
    path,
    size,
  };
}

/** Telegram makes an MP4 of a GIF, unless the call turns content detection off. */
async function converted(file: ReceivedFile, { fields }: ReceivedForm): Promise<ReceivedFile> {
  const isGif = file.contentType === 'image/gif' || /\.gif$/i.test(file.filename);
  if (!isGif || fields.disable_content_type_detection === 'true') {
    return file;
  }
  const video = Buffer.from('an MP4 made of a GIF');
  await writeFile(file.path, video);
  return {
    ...file,
    filename: `${file.filename}.mp4`,
    contentType: 'video/mp4',
    size: video.length,
  };
}

function documentJson(file: EmulatedFile) {
  const document = { ...fileJson(file), file_name: file.filename, mime_type: file.contentType };
  return file.contentType === 'video/mp4' ? { animation: document, document } : { document };
}

function fileJson({ fileId, uniqueId, size, width, height }: EmulatedFile) {
  return {
    file_id: fileId,
    file_unique_id: uniqueId,
    file_size: size,
    ...(width && { width, height }),
  };
}

/** Photos are recompressed into several sizes, the original is not kept. */
async function photoSizes(state: State, file: ReceivedFile): Promise<EmulatedFile[]> {
  const { default: sharp } = await import('sharp');
  const sizes = [90, 320, 1280].map(async (side) => {
    const path = `${file.path}-${side}`;
    const { size, width, height } = await sharp(file.path)
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 75 })
      .toFile(path);
    const stored = asStored({
      ...file,
      path,
      size,
      filename: `file_${state.lastId}.jpg`,
      contentType: 'image/jpeg',
    });
    return { ...stored, width, height };
  });
  return Promise.all(sizes);
}

function getFile(state: State, { botId, form }: MethodCall): Answer {
  const id = form.fields.file_id ?? '';
  if (!/^BQAC[\w-]{20,}$/.test(id)) {
    return { status: 400, description: 'Bad Request: invalid file_id' };
  }
  const message = [...state.messages.values()].find(
    ({ file, botId: owner }) => file.fileId === id && owner === botId,
  );
  if (message === undefined) {
    return {
      status: 400,
      description: 'Bad Request: wrong file_id or the file is temporarily unavailable',
    };
  }
  if (message.file.size > state.options.maxDownloadBytes) {
    return { status: 400, description: 'Bad Request: file is too big' };
  }
  const folder = message.method === 'sendPhoto' ? 'photos' : 'documents';
  const path = `${folder}/file_${message.id}_${randomBytes(3).toString('hex')}`;
  state.paths.set(path, {
    file: message.file,
    expiresAt: nowOf(state) + state.options.filePathLifetimeMs,
  });
  return { result: { ...fileJson(message.file), file_path: path } };
}

function findMessage(state: State, { botId, form }: MethodCall): EmulatedMessage | undefined {
  const message = state.messages.get(Number(form.fields.message_id));
  return message?.botId === botId && String(message.chatId) === form.fields.chat_id
    ? message
    : undefined;
}

function deleteMessage(state: State, call: MethodCall): Answer | Promise<Answer> {
  return withChat(state, call.form, async (chat) => {
    const message = findMessage(state, call);
    if (message === undefined) {
      return { status: 400, description: 'Bad Request: message to delete not found' };
    }
    if (chat.admin === false && nowOf(state) - message.sentAt > 2 * dayMs) {
      return { status: 400, description: "Bad Request: message can't be deleted for everyone" };
    }
    state.messages.delete(message.id);
    for (const [path, { file }] of state.paths) {
      if (file === message.file) {
        state.paths.delete(path);
      }
    }
    await rm(message.file.path, { force: true });
    return { result: true };
  });
}

function editMessage(state: State, call: MethodCall): Answer | Promise<Answer> {
  return withChat(state, call.form, () => {
    const found = findMessage(state, call) !== undefined;
    const words =
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message';
    return {
      status: 400,
      description: `Bad Request: ${found ? words : 'message to edit not found'}`,
    };
  });
}

async function download(state: State, exchange: Exchange, path: string): Promise<void> {
  const fault = state.faults.take('download');
  if (await faultBefore(fault, exchange)) {
    state.calls.push({ method: 'download', status: 0 });
    return;
  }
  const known = state.paths.get(path);
  if (known === undefined || known.expiresAt <= nowOf(state)) {
    return reply(state, exchange, 'download', { status: 404, description: 'Not Found' });
  }
  state.calls.push({ method: 'download', status: 200 });
  const { path: body, size } = known.file;
  const ignoreRange = state.options.ignoreRange ?? false;
  await sendFile(exchange, {
    path: body,
    size,
    contentType: 'application/octet-stream',
    ignoreRange,
    cut: fault?.kind === 'cut',
  });
}
