import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import {
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../outbound/http-client.ts';
import { rangeHeader } from '../shared/ranged.ts';
import { failForStatus, retryAfterMs } from '../shared/status.ts';
import { createReader, type Read } from './read.ts';
import { requestHeaders, secretsOf, type WebdavSettings } from './settings.ts';

/**
 * The WebDAV methods that every server gets right: no LOCK (lighttpd hangs on it), no If-None-Match
 * (nginx and rclone ignore it), no Depth infinity, no Content-Range on PUT. Paths are relative to
 * the base address, those of folders end in a slash.
 */
export interface DavApi {
  put(
    path: string,
    source: ByteSource,
    options: { contentType: string; size: number | undefined; signal: AbortSignal },
  ): Promise<void>;
  /** The answer has status 200 or 206. */
  get(
    path: string,
    options: { range?: ByteRange | undefined; signal: AbortSignal },
  ): Promise<HttpResponse>;
  /** Bytes of the file, as the server states. Rejects with `not_found`. */
  size(path: string, signal: AbortSignal): Promise<number>;
  /** False when there was nothing. */
  remove(path: string, signal: AbortSignal): Promise<boolean>;
  move(from: string, to: string, signal: AbortSignal): Promise<void>;
  /** True when the server moved it, false when it does not know or allow MOVE. */
  tryMove(from: string, to: string, signal: AbortSignal): Promise<boolean>;
  /** Resolves on 2xx and 405 (exists already). */
  makeFolder(path: string, signal: AbortSignal): Promise<void>;
  /** The answer to PROPFIND of the path itself, whatever its status. */
  describe(path: string, signal: AbortSignal): Promise<HttpResponse>;
  failure(call: string, response: HttpResponse): Promise<StowageError>;
  close(): Promise<void>;
}

const service = 'WebDAV';
const propfindBody =
  '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getcontentlength/><resourcetype/></prop></propfind>';
// 502 is Apache behind a proxy that ends TLS: it takes the Destination for another server.
const noMoveHere = [400, 403, 404, 405, 409, 412, 415, 501, 502];

export function createDavApi(settings: WebdavSettings): DavApi {
  const client = createHttpClient({ service, secrets: secretsOf(settings) });
  const headers = requestHeaders(settings);
  const reader = createReader({
    client,
    secrets: secretsOf(settings),
    baseUrl: settings.baseUrl,
    headers,
  });
  const url = (path: string) => addressOf(settings.baseUrl, path);
  const failure = (call: string, response: HttpResponse) => describeFailure(client, call, response);

  const send = (path: string, request: Omit<HttpRequest, 'url'>) =>
    client.send({ ...request, url: url(path), headers: { ...headers, ...request.headers } });

  const sendMove = (from: string, to: string, signal: AbortSignal) =>
    send(from, { method: 'MOVE', headers: { destination: url(to), overwrite: 'T' }, signal });

  const describe = (path: string, signal: AbortSignal) =>
    send(path, {
      method: 'PROPFIND',
      headers: { depth: '0', 'content-type': 'application/xml' },
      body: propfindBody,
      signal,
    });

  return {
    put: async (path, source, { contentType, size, signal }) => {
      const body = { body: source, contentLength: size };
      const response = await send(path, {
        method: 'PUT',
        headers: { 'content-type': headerSafe(contentType) },
        ...body,
        signal,
      });
      await finish(response, async () =>
        asWriteFailure(response.status, await failure('PUT', response)),
      );
    },
    get: async (path, { range, signal }) => {
      const request = {
        method: 'GET',
        headers: range === undefined ? {} : { range: rangeHeader(range) },
        signal,
      } as const;
      const { response, isOwn } = await reader.read(url(path), request);
      if (response.status === 200 || response.status === 206) {
        return response;
      }
      throw asReadFailure(response.status, isOwn, await failure('GET', response));
    },
    size: async (path, signal) => {
      const { size, isRedirect } = await sizeByHead(send, path, signal);
      if (size !== undefined) {
        return size;
      }
      return sizeByPropfind({ describe, failure }, path, signal).catch(async (error: unknown) => {
        const found = isRedirect
          ? await sizeByFollowing(reader.read, url(path), signal)
          : undefined;
        if (found === undefined) {
          throw error;
        }
        return found;
      });
    },
    remove: async (path, signal) => {
      const response = await send(path, { method: 'DELETE', signal });
      const gone = response.status === 404 || response.status === 410;
      if (gone) {
        await response.discard();
      } else {
        await finish(response, () => failure('DELETE', response));
      }
      return !gone;
    },
    move: async (from, to, signal) => {
      const response = await sendMove(from, to, signal);
      await finish(response, async () =>
        asWriteFailure(response.status, await failure('MOVE', response)),
      );
    },
    tryMove: async (from, to, signal) => {
      const response = await sendMove(from, to, signal);
      const refused = noMoveHere.includes(response.status);
      if (refused) {
        await response.discard();
      } else {
        await finish(response, () => failure('MOVE', response));
      }
      return !refused;
    },
    makeFolder: async (path, signal) => {
      const response = await send(path, { method: 'MKCOL', signal });
      if (response.status === 405) {
        return response.discard();
      }
      await finish(response, async () =>
        asWriteFailure(response.status, await failure('MKCOL', response)),
      );
    },
    describe,
    failure,
    close: async () => {
      await Promise.all([client.close(), reader.close()]);
    },
  };
}

export function addressOf(base: string, path: string): string {
  return `${base.replace(/\/+$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** Undefined when the answer does not tell. */
export function contentLength(response: HttpResponse): number | undefined {
  const length = response.header('content-length');
  return length === undefined ? undefined : Number(length);
}

function headerSafe(contentType: string): string {
  return /^[\x20-\x7e]+$/.test(contentType) ? contentType : 'application/octet-stream';
}

async function finish(response: HttpResponse, failure: () => Promise<StowageError>): Promise<void> {
  // 207 lists what could not be done.
  if (response.status < 200 || response.status > 299 || response.status === 207) {
    throw await failure();
  }
  await response.discard();
}

type Send = (path: string, request: Omit<HttpRequest, 'url'>) => Promise<HttpResponse>;

interface HeadSize {
  /**
   * Undefined when the answer has no length: Apache leaves it out for empty files, others for what
   * they would compress.
   */
  readonly size: number | undefined;
  readonly isRedirect: boolean;
}

async function sizeByHead(send: Send, path: string, signal: AbortSignal): Promise<HeadSize> {
  const response = await send(path, { method: 'HEAD', signal });
  await response.discard();
  if (response.status === 404 || response.status === 410) {
    throw fail('not_found');
  }
  const size = response.status === 200 ? contentLength(response) : undefined;
  return { size, isRedirect: isRedirect(response.status) };
}

/**
 * For servers that redirect HEAD and do not know PROPFIND. An address signed for GET may refuse
 * HEAD: undefined.
 */
async function sizeByFollowing(
  read: Read,
  url: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { response } = await read(url, { method: 'HEAD', headers: {}, signal });
  await response.discard();
  return response.status === 200 ? contentLength(response) : undefined;
}

async function sizeByPropfind(
  api: Pick<DavApi, 'describe' | 'failure'>,
  path: string,
  signal: AbortSignal,
): Promise<number> {
  const response = await api.describe(path, signal);
  if (response.status !== 207) {
    throw await api.failure('PROPFIND', response);
  }
  const length = /<(?:[\w.-]+:)?getcontentlength(?:\s[^>]*)?>\s*(\d+)\s*</i.exec(
    await response.text(),
  );
  if (length === null) {
    throw fail('channel_refused', {
      message: `${service}: the server does not tell the size of a file`,
    });
  }
  return Number(length[1]);
}

async function describeFailure(
  client: HttpClient,
  call: string,
  response: HttpResponse,
): Promise<StowageError> {
  const words = isRedirect(response.status)
    ? // where it leads stays untold: the address may carry a secret
      'a redirect, which is followed for reads only; set the final address as baseUrl'
    : client.redact(plainText(await response.text(8_192).catch(() => '')));
  if (isRedirect(response.status)) {
    await response.discard();
  }
  const waitMs = retryAfterMs(response.header('retry-after'), Date.now());
  return failForStatus({
    service: `${service} ${call}`,
    status: response.status,
    words,
    retryAfterMs: waitMs,
  });
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

/**
 * A refusal of credentials by a host that the server redirects to concerns the address it signed,
 * not ours.
 */
function asReadFailure(status: number, isOwn: boolean, error: StowageError): StowageError {
  // Core asks only for bytes that were stored: 416 means that they are gone.
  if (status === 416) {
    return fail('not_found', { message: error.message });
  }
  return !isOwn && isStowageError(error, 'channel_unauthorized')
    ? fail('channel_unavailable', { message: error.message })
    : error;
}

/** A write gets 404 or 409 when the folder above is missing: the next attempt makes it again. */
function asWriteFailure(status: number, error: StowageError): StowageError {
  return [404, 409, 410].includes(status)
    ? fail('channel_unavailable', { message: error.message, answered: true })
    : error;
}

/** Error pages are HTML or XML: their text alone. */
function plainText(page: string): string {
  const text = page.replaceAll(/<(style|script|head)\b[\s\S]*?<\/\1>|<[^>]*>/gi, ' ');
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}
