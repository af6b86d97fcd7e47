import type { z } from 'zod';
import type { ByteRange } from '../../core/bytes.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { encodePath } from '../../core/naming/path-text.ts';
import {
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../outbound/http-client.ts';
import { rangeHeader } from '../shared/ranged.ts';
import { followRedirects } from '../shared/redirects.ts';
import {
  cleanWords,
  hubError,
  isMissingRepo,
  isMissingRepoError,
  storageError,
  unexpectedAnswer,
} from './hub-errors.ts';
import * as wire from './wire.ts';

export interface HubSettings {
  readonly endpoint: string;
  readonly token: string;
  /** `owner/name`. */
  readonly repo: string;
  readonly branch: string;
  readonly private: boolean;
}

/**
 * Calls of the hub for one dataset repository and branch. Every method throws channel errors in the
 * hub's own words.
 */
export type Hub = ReturnType<typeof createHub>;

const lfsJson = 'application/vnd.git-lfs+json';
const publicHub = 'https://huggingface.co';

export function createHub(settings: HubSettings) {
  const base = settings.endpoint.replace(/\/+$/, '');
  const api = `${base}/api/datasets/${settings.repo}`;
  const branch = encodeURIComponent(settings.branch);
  const http = createHttpClient({
    service: 'Hugging Face',
    secrets: [settings.token],
    connections: 64,
    idleTimeoutMs: 120_000,
  });
  const caller: Caller = { http, origin: new URL(base).origin, token: settings.token };
  const call = (request: HttpRequest) => callHub(caller, request);
  const post = (url: string, body: unknown, signal: AbortSignal) =>
    call({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });

  /** The hub's own links carry its public name also behind a mirror. */
  const atEndpoint = (href: string): string =>
    href.startsWith(`${publicHub}/`) ? base + href.slice(publicHub.length) : href;

  const repoExists = async (signal: AbortSignal): Promise<boolean> => {
    const response = await send(caller, { method: 'GET', url: api, signal });
    if (response.status === 404 || (response.status === 401 && isMissingRepo(response))) {
      await response.discard();
      return false;
    }
    await (await accept(caller, response)).discard();
    return true;
  };

  const createRepo = async (signal: AbortSignal): Promise<void> => {
    const [organization, name] = settings.repo.split('/');
    const body = JSON.stringify({ type: 'dataset', name, organization, private: settings.private });
    const headers = { 'content-type': 'application/json' };
    const response = await send(caller, {
      method: 'POST',
      url: `${base}/api/repos/create`,
      headers,
      body,
      signal,
    });
    // 409: another node or a person was quicker.
    await (response.status === 409 ? response : await accept(caller, response)).discard();
  };

  const ensureBranch = async (signal: AbortSignal): Promise<void> => {
    const response = await send(caller, {
      method: 'GET',
      url: `${api}/revision/${branch}`,
      signal,
    });
    await response.discard();
    if (response.status !== 404) {
      return;
    }
    const created = await send(caller, {
      method: 'POST',
      url: `${api}/branch/${branch}`,
      body: '{}',
      headers: { 'content-type': 'application/json' },
      signal,
    });
    await (created.status === 409 ? created : await accept(caller, created)).discard();
  };

  return {
    http,
    base,
    repo: settings.repo,
    call,
    atEndpoint,
    repoExists,

    /** Creates the repository and the branch when they are missing. */
    async ensureRepo(signal: AbortSignal): Promise<void> {
      if (!(await repoExists(signal))) {
        await createRepo(signal);
      }
      if (settings.branch !== 'main') {
        await ensureBranch(signal);
      }
    },

    async whoAmI(signal: AbortSignal): Promise<wire.Identity> {
      return read(
        await call({ method: 'GET', url: `${base}/api/whoami-v2`, signal }),
        wire.identityAnswer,
        'whoami',
      );
    },

    /**
     * Whether the hub wants this file in LFS. Needs write permission, changes nothing. `sample` is
     * the first 512 bytes.
     */
    async preupload(
      file: { path: string; size: number; sample: Uint8Array },
      signal: AbortSignal,
    ): Promise<'lfs' | 'regular'> {
      const sample = Buffer.from(file.sample).toString('base64');
      const response = await post(
        `${api}/preupload/${branch}`,
        { files: [{ path: file.path, size: file.size, sample }] },
        signal,
      );
      const { files } = await read(response, wire.preuploadAnswer, 'preupload');
      return files[0]?.uploadMode ?? 'lfs';
    },

    async lfsUploadActions(
      { oid, size }: wire.LfsObject,
      signal: AbortSignal,
    ): Promise<wire.LfsActions> {
      const response = await call({
        method: 'POST',
        url: `${base}/datasets/${settings.repo}.git/info/lfs/objects/batch`,
        headers: { accept: lfsJson, 'content-type': lfsJson },
        body: JSON.stringify({
          operation: 'upload',
          transfers: ['basic', 'multipart'],
          hash_algo: 'sha_256',
          ref: { name: settings.branch },
          objects: [{ oid, size }],
        }),
        signal,
      });
      const answer = (await read(response, wire.batchAnswer, 'the LFS batch')).objects.find(
        (object) => object.oid === oid,
      );
      if (answer === undefined) {
        throw unexpectedAnswer('the LFS batch');
      }
      if (answer.error) {
        throw lfsRefusal(answer.error, http);
      }
      return { upload: answer.actions?.upload, verify: answer.actions?.verify };
    },

    /** Reports to the hub that the object is uploaded; the hub verifies it. */
    async lfsVerify(
      action: wire.LfsAction,
      { oid, size }: wire.LfsObject,
      signal: AbortSignal,
    ): Promise<void> {
      const headers = { ...action.header, accept: lfsJson, 'content-type': lfsJson };
      const url = atEndpoint(action.href);
      await (
        await call({ method: 'POST', url, headers, body: JSON.stringify({ oid, size }), signal })
      ).discard();
    },

    /** One commit on the branch: `lines` are the changes, already JSON. */
    async commit(summary: string, lines: readonly string[], signal: AbortSignal): Promise<void> {
      const body = [JSON.stringify({ key: 'header', value: { summary } }), ...lines].join('\n');
      const headers = { 'content-type': 'application/x-ndjson' };
      await (
        await call({ method: 'POST', url: `${api}/commit/${branch}`, headers, body, signal })
      ).discard();
    },

    /** What the branch holds at these paths; missing ones are left out. */
    async pathsInfo(
      paths: readonly string[],
      signal: AbortSignal,
    ): Promise<ReadonlyMap<string, wire.PathInfo>> {
      const response = await post(`${api}/paths-info/${branch}`, { paths }, signal);
      const entries = await read(response, wire.pathsAnswer, 'paths-info');
      return new Map(entries.map((entry) => [entry.path, entry]));
    },

    resolveUrl: (path: string): string =>
      `${base}/datasets/${settings.repo}/resolve/${branch}/${encodePath(path)}`,

    /** 200 or 206 of the file's bytes, redirects followed. */
    async resolve(
      path: string,
      options: { range?: ByteRange | undefined; signal: AbortSignal },
    ): Promise<HttpResponse> {
      // Compressed responses would have another length.
      const headers = {
        'accept-encoding': 'identity',
        range: options.range && rangeHeader(options.range),
      };
      return follow(caller, {
        method: 'GET',
        url: this.resolveUrl(path),
        headers,
        signal: options.signal,
      });
    },

    close: () => http.close(),
  };
}

interface Caller {
  readonly http: HttpClient;
  readonly origin: string;
  readonly token: string;
}

/** The token goes to the endpoint's own origin only, never to the storage its links lead to. */
function send({ http, origin, token }: Caller, request: HttpRequest): Promise<HttpResponse> {
  const ours = new URL(request.url).origin === origin;
  const headers = { ...request.headers, authorization: ours ? `Bearer ${token}` : undefined };
  return http.send({ ...request, headers });
}

async function callHub(caller: Caller, request: HttpRequest): Promise<HttpResponse> {
  return accept(caller, await send(caller, request));
}

async function accept(caller: Caller, response: HttpResponse): Promise<HttpResponse> {
  if (response.status >= 200 && response.status < 300) {
    return response;
  }
  throw await hubError(response, caller.http.redact);
}

async function follow(caller: Caller, request: HttpRequest): Promise<HttpResponse> {
  const { response, url } = await followRedirects(new URL(request.url), {
    send: (to) => send(caller, { ...request, url: to }),
    enter: (to, from) => {
      if (to.protocol !== from.protocol && to.protocol !== 'https:') {
        throw unexpectedAnswer('a read: it redirects to an unsafe address');
      }
    },
  });
  if (response.status === 200 || response.status === 206) {
    return response;
  }
  throw await (url.origin === caller.origin ? hubError : storageError)(
    response,
    caller.http.redact,
  );
}

async function read<T>(response: HttpResponse, schema: z.ZodType<T>, what: string): Promise<T> {
  const parsed = schema.safeParse(await response.json());
  if (!parsed.success) {
    throw unexpectedAnswer(what);
  }
  return parsed.data;
}

function lfsRefusal({ code, message }: { code: number; message: string }, http: HttpClient) {
  const words = `Hugging Face LFS: ${cleanWords(message, http.redact)}`;
  if (/storage|quota/i.test(message) && code !== 404) {
    return fail('channel_full', { message: words });
  }
  if (code === 413) {
    return fail('too_large', { message: words });
  }
  return fail(code === 429 || code >= 500 ? 'channel_unavailable' : 'channel_refused', {
    message: words,
  });
}

/** Whether a repetition after `ensureRepo` may help. */
export function isRepoGone(error: unknown): boolean {
  return isStowageError(error) && isMissingRepoError(error);
}
