import { createHmac, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import {
  createFaults,
  type Exchange,
  type Faults,
  faultAfter,
  faultBefore,
  type ReceivedFile,
  receiveForm,
  sendFile,
  sendJson,
  startEmulatorHost,
} from '../emulator-kit.ts';
import {
  type EmulatedImage,
  forget,
  isRefusal,
  newImage,
  notFound,
  present,
  type Refusal,
  refusal,
  sniff,
} from './emulator-store.ts';

export interface CloudflareEmulatorOptions {
  readonly latencyMs?: number;
  /** `any` takes every body for an image, as suites with made-up bytes need. */
  readonly formats?: 'images' | 'any';
  /** The API responds to ranges of `/blob` with everything. */
  readonly ignoreRange?: boolean;
  /** Images the account may hold. */
  readonly allowed?: number;
  /** Bytes kept of an image of `size` bytes, for those that are converted. */
  readonly keeps?: (size: number) => number;
}

/**
 * Hosted Cloudflare Images: the API, the upload host and the delivery host. Names of `faults` are
 * those of `calls`.
 */
export interface CloudflareEmulator {
  readonly apiBase: string;
  readonly deliveryBase: string;
  readonly images: ReadonlyMap<string, EmulatedImage>;
  /** Every call so far, as name and status. */
  readonly calls: readonly { readonly name: CallName; readonly status: number }[];
  readonly faults: Faults;
  /** Moves the emulator's clock. */
  advance(ms: number): void;
  setTokenStatus(status: 'active' | 'disabled' | 'expired'): void;
  stop(): Promise<void>;
}

type CallName =
  | 'verify'
  | 'stats'
  | 'list'
  | 'upload'
  | 'draft'
  | 'details'
  | 'blob'
  | 'delete'
  | 'direct'
  | 'delivery';

export const emulatedAccount = {
  accountId: '023e105f4ecef8ad9ca31a8372d0c353',
  apiToken: 'canary-cloudflare-token-Sn3lZJTBX6kkg7OdcBUAx',
  deliveryHash: 'Vi7wi5KSItxGFsWRG2Us6Q',
  signingKey: 'canary-cloudflare-signing-key',
} as const;

const mostBytes = 10_000_000;

interface State {
  readonly options: CloudflareEmulatorOptions;
  readonly images: Map<string, EmulatedImage>;
  readonly calls: { name: CallName; status: number }[];
  readonly faults: Faults;
  dir: string;
  url: string;
  skewMs: number;
  tokenStatus: string;
}

export async function startCloudflareEmulator(
  options: CloudflareEmulatorOptions = {},
): Promise<CloudflareEmulator> {
  const state: State = {
    options,
    images: new Map(),
    calls: [],
    faults: createFaults(),
    dir: '',
    url: '',
    skewMs: 0,
    tokenStatus: 'active',
  };
  const host = await startEmulatorHost((exchange) => route(state, exchange), options.latencyMs);
  state.dir = host.dir;
  state.url = host.url;
  return {
    apiBase: `${host.url}/client/v4`,
    deliveryBase: `${host.url}/delivery`,
    images: state.images,
    calls: state.calls,
    faults: state.faults,
    advance: (ms) => {
      state.skewMs += ms;
    },
    setTokenStatus: (status) => {
      state.tokenStatus = status;
    },
    stop: host.stop,
  };
}

interface Call extends Exchange {
  readonly state: State;
  /** What the path names: an image id, or id and variant of a delivery. */
  readonly id: string;
  readonly now: number;
}

type Answer =
  | { readonly result: unknown }
  | { readonly refused: Refusal }
  | { readonly file: Parameters<typeof sendFile>[1] };

const uploadCors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, OPTIONS',
  'access-control-max-age': '86400',
};

async function route(state: State, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const { pathname } = new URL(request.url ?? '/', 'http://emulator');
  const found = routes.find(({ method, path }) => method === request.method && path.test(pathname));
  if (request.method === 'OPTIONS' && pathname.startsWith('/upload/')) {
    return preflight(exchange);
  }
  if (found === undefined) {
    return sendEnvelope(
      exchange,
      404,
      refusal(404, 7003, 'Could not route to your request').refused,
    );
  }
  const [, id = ''] = found.path.exec(pathname) ?? [];
  const call: Call = {
    ...exchange,
    state,
    id: decodeURIComponent(id),
    now: Date.now() + state.skewMs,
  };
  const fault = state.faults.take(found.name);
  response.once('close', () => state.calls.push({ name: found.name, status: response.statusCode }));
  if (await faultBefore(fault, exchange)) {
    return;
  }
  const answer = (found.open ? undefined : authorize(call, pathname)) ?? (await found.run(call));
  if (faultAfter(fault, exchange)) {
    return;
  }
  if ('file' in answer) {
    return sendFile(exchange, { ...answer.file, cut: fault?.kind === 'cut' });
  }
  if ('refused' in answer) {
    return sendEnvelope(exchange, answer.refused.status, answer.refused, found.cors);
  }
  sendEnvelope(exchange, 200, answer, found.cors);
}

interface Route {
  readonly name: CallName;
  readonly method: string;
  readonly path: RegExp;
  /** Needs no token. */
  readonly open?: true;
  readonly cors?: Record<string, string>;
  run(call: Call): Promise<Answer>;
}

const images = '^/client/v4/accounts/[^/]+/images';

/** The order decides: ids may hold slashes. */
const routes: readonly Route[] = [
  { name: 'verify', method: 'GET', path: /^\/client\/v4\/user\/tokens\/verify$/, run: verifyToken },
  { name: 'stats', method: 'GET', path: new RegExp(`${images}/v1/stats$`), run: stats },
  { name: 'list', method: 'GET', path: new RegExp(`${images}/v1$`), run: list },
  { name: 'upload', method: 'POST', path: new RegExp(`${images}/v1$`), run: upload },
  {
    name: 'draft',
    method: 'POST',
    path: new RegExp(`${images}/v2/direct_upload$`),
    run: createDraft,
  },
  { name: 'blob', method: 'GET', path: new RegExp(`${images}/v1/(.+)/blob$`), run: blob },
  { name: 'details', method: 'GET', path: new RegExp(`${images}/v1/(.+)$`), run: details },
  { name: 'delete', method: 'DELETE', path: new RegExp(`${images}/v1/(.+)$`), run: remove },
  {
    name: 'direct',
    method: 'POST',
    path: /^\/upload\/[^/]+\/(.+)$/,
    open: true,
    cors: uploadCors,
    run: directUpload,
  },
  { name: 'delivery', method: 'GET', path: /^\/delivery\/[^/]+\/(.+)$/, open: true, run: deliver },
];

function authorize({ request, state }: Call, pathname: string): Answer | undefined {
  if (request.headers.authorization !== `Bearer ${emulatedAccount.apiToken}`) {
    return pathname.endsWith('/verify')
      ? refusal(401, 1000, 'Invalid API Token')
      : refusal(403, 10000, 'Authentication error');
  }
  if (pathname.endsWith('/verify')) {
    return undefined;
  }
  if (state.tokenStatus !== 'active') {
    return refusal(403, 10000, 'Authentication error');
  }
  const [, account] = /\/accounts\/([^/]+)\//.exec(pathname) ?? [];
  if (account === emulatedAccount.accountId) {
    return undefined;
  }
  return refusal(
    403,
    5403,
    'The given account is not valid or is not authorized to access this service',
  );
}

async function verifyToken({ state }: Call): Promise<Answer> {
  return { result: { id: 'ed17574386854bf78a67040be0a770b0', status: state.tokenStatus } };
}

async function stats({ state }: Call): Promise<Answer> {
  return {
    result: { count: { current: stored(state).length, allowed: state.options.allowed ?? 100_000 } },
  };
}

async function list({ state }: Call): Promise<Answer> {
  return { result: { images: stored(state).map((image) => present(image, deliveryOf(state))) } };
}

async function upload(call: Call): Promise<Answer> {
  const { state, now } = call;
  const form = await imageForm(call);
  if ('refused' in form) {
    return form;
  }
  const image = newImage(state.images, { fields: form.fields, now, draft: false });
  if (isRefusal(image)) {
    return drop(form.file, image);
  }
  return keep(call, image, form.file);
}

async function createDraft(call: Call): Promise<Answer> {
  const { state, request, now } = call;
  if (!isForm(request.headers['content-type'])) {
    return notAForm;
  }
  const { fields } = await receiveForm(request, state.dir);
  const image = newImage(state.images, { fields, now, draft: true });
  if (isRefusal(image)) {
    return image;
  }
  state.images.set(image.id, image);
  return {
    result: {
      id: image.id,
      uploadURL: `${state.url}/upload/${emulatedAccount.deliveryHash}/${encodeURIComponent(image.id)}`,
    },
  };
}

async function directUpload(call: Call): Promise<Answer> {
  const { state, id, now } = call;
  const form = await imageForm(call);
  if ('refused' in form) {
    return form;
  }
  const image = state.images.get(id);
  if (image === undefined) {
    return drop(form.file, notFound);
  }
  if (image.file !== undefined) {
    return drop(form.file, refusal(409, 5409, 'The upload URL was already used'));
  }
  if ((image.expiresAt ?? 0) < now) {
    return drop(form.file, refusal(403, 5403, 'The upload URL has expired'));
  }
  return keep(call, image, form.file);
}

async function keep(
  { state, now }: Call,
  image: EmulatedImage,
  file: ReceivedFile,
): Promise<Answer> {
  const contentType = state.options.formats === 'any' ? file.contentType : await sniff(file.path);
  if (contentType === undefined) {
    return drop(file, refusal(415, 5455, 'Unsupported image format'));
  }
  if (file.size > mostBytes) {
    return drop(file, refusal(413, 5413, 'Maximum image size of 10 MB is reached'));
  }
  const size = state.options.keeps?.(file.size) ?? file.size;
  image.file = { path: file.path, filename: file.filename, contentType, size };
  image.uploadedAt = now;
  state.images.set(image.id, image);
  return { result: present(image, deliveryOf(state)) };
}

async function details({ state, id }: Call): Promise<Answer> {
  const image = state.images.get(id);
  return image === undefined ? notFound : { result: present(image, deliveryOf(state)) };
}

async function blob({ state, id }: Call): Promise<Answer> {
  const file = state.images.get(id)?.file;
  return file === undefined
    ? notFound
    : { file: { ...file, ignoreRange: state.options.ignoreRange ?? false } };
}

async function remove({ state, id }: Call): Promise<Answer> {
  const image = state.images.get(id);
  if (image === undefined) {
    return notFound;
  }
  await forget(state.images, image);
  return { result: {} };
}

/** Delivers the bytes as they are: what variants do to pictures is not emulated. */
async function deliver({ state, id, request, now }: Call): Promise<Answer> {
  const cut = id.lastIndexOf('/');
  const image = state.images.get(id.slice(0, cut));
  if (image?.file === undefined) {
    return notFound;
  }
  if (image.requireSignedURLs && !isSigned(request.url ?? '', now)) {
    return refusal(403, 9401, 'Invalid or missing signature');
  }
  return { file: image.file };
}

function isSigned(target: string, now: number): boolean {
  // the delivery host signs its own path: ours lies below a prefix
  const url = new URL(target, 'http://emulator');
  const signature = Buffer.from(url.searchParams.get('sig') ?? '');
  url.searchParams.delete('sig');
  const expected = createHmac('sha256', emulatedAccount.signingKey)
    .update(`${url.pathname}?${url.searchParams}`)
    .digest('hex');
  const exp = url.searchParams.get('exp');
  if (exp !== null && Number(exp) * 1000 < now) {
    return false;
  }
  return signature.length === expected.length && timingSafeEqual(signature, Buffer.from(expected));
}

const notAForm = refusal(
  415,
  5415,
  'Images must be uploaded as a form, not as raw image data. Please use multipart/form-data format',
);

function isForm(contentType: string | undefined): boolean {
  return /^multipart\/form-data\s*;.*boundary=/i.test(contentType ?? '');
}

interface ImageForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly file: ReceivedFile;
}

async function imageForm({
  request,
  state,
}: Call): Promise<ImageForm | { readonly refused: Refusal }> {
  if (!isForm(request.headers['content-type'])) {
    return notAForm;
  }
  const { fields, files } = await receiveForm(request, state.dir);
  const [file, ...more] = files;
  const wanted = file?.field === 'file' && more.length === 0 && file.size > 0;
  if (file !== undefined && wanted) {
    return { fields, file };
  }
  await Promise.all(files.map(({ path }) => rm(path)));
  return refusal(400, 5400, 'Bad request: expected one image in the field "file"');
}

async function drop(file: ReceivedFile, answer: { readonly refused: Refusal }): Promise<Answer> {
  await rm(file.path);
  return answer;
}

function stored(state: State): EmulatedImage[] {
  return [...state.images.values()].filter(({ file }) => file !== undefined);
}

function deliveryOf(state: State): string {
  return `${state.url}/delivery/${emulatedAccount.deliveryHash}`;
}

/** Only plain forms pass: any request header of one's own fails. */
function preflight({ request, response }: Exchange): void {
  const asked = request.headers['access-control-request-headers'];
  response.writeHead(asked === undefined ? 204 : 403, asked === undefined ? uploadCors : {}).end();
}

function sendEnvelope(
  { response }: Exchange,
  status: number,
  answer: Refusal | { readonly result: unknown },
  headers: Record<string, string> = {},
): void {
  const refused = 'code' in answer;
  const body = refused
    ? {
        result: null,
        success: false,
        errors: [{ code: answer.code, message: answer.message }],
        messages: [],
      }
    : { result: answer.result, success: true, errors: [], messages: [] };
  sendJson(response, status, body, headers);
}
