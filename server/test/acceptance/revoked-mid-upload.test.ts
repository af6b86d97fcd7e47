import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { huggingfaceBackend } from './backends.ts';
import {
  type ChunkedUpload,
  fieldsOf,
  initUpload,
  mergeUpload,
  putChunk,
} from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { adminCookie, adminPassword } from './people.ts';
import {
  eventually,
  fieldPart,
  filePart,
  jsonOf,
  multipartBody,
  storedObjects,
} from './requests.ts';
import { createToken, type MadeToken } from './tokens.ts';

let stowage: Stowage;
let hub: Awaited<ReturnType<typeof huggingfaceBackend>>;

beforeAll(async () => {
  hub = await huggingfaceBackend();
  stowage = await startStowage({
    config: { channels: [{ type: 'local' }, hub.channel] },
    env: { STOWAGE_ADMIN_PASSWORD: adminPassword },
  });
});
afterAll(async () => {
  await stowage?.stop();
  await hub?.stop();
});

interface Call {
  readonly method?: string;
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly headers?: Record<string, string>;
}

/**
 * Sends half of the body once the server has asked for it, then does `meanwhile`, then sends the
 * rest.
 */
async function inTwoHalves(
  { method = 'POST', path, type, body, headers = {} }: Call,
  meanwhile: () => Promise<unknown>,
) {
  const request = http.request(new URL(path, stowage.url), {
    method,
    headers: {
      ...headers,
      'content-type': type,
      'content-length': body.length,
      expect: '100-continue',
    },
  });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  request.flushHeaders();
  await once(request, 'continue');
  request.write(body.subarray(0, body.length >> 1));
  await meanwhile();
  request.end(body.subarray(body.length >> 1));
  const [response] = await answered;
  response.resume();
  return response.statusCode;
}

const manage = (method: string, body: object | undefined, query = '') =>
  stowage
    .fetch(`/api/manage/apiTokens${query}`, { method, ...(body && { body: JSON.stringify(body) }) })
    .then(({ status }) => expect(status).toBe(200));
const endings: readonly (readonly [string, (token: MadeToken) => Promise<unknown>])[] = [
  ['revoked', ({ id }) => manage('DELETE', undefined, `?id=${id}`)],
  ['narrowed', ({ id }) => manage('PUT', { tokenId: id, permissions: ['list', 'delete'] })],
];

const boundary = 'frontier';
const formType = `multipart/form-data; boundary=${boundary}`;
const fields = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => fieldPart(name, value));
const jsonCall = (path: string, value: unknown): Call => ({
  path,
  type: 'application/json',
  body: Buffer.from(JSON.stringify(value)),
});
const sha256 = 'ab'.repeat(32);
const direct = {
  fileName: 'a.bin',
  fileType: 'application/octet-stream',
  fileSize: 5,
  sha256,
  fileSample: '',
};
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(100)]);

/** Each makes what its call needs with the token, and answers the call. */
const routes: readonly (readonly [string, (token: MadeToken) => Promise<Call> | Call])[] = [
  [
    'POST /upload',
    () => ({
      path: '/upload',
      type: formType,
      body: multipartBody([filePart('hello world')], boundary),
    }),
  ],
  [
    'the start of a chunked upload',
    () => ({
      path: '/upload?initChunked=true',
      type: formType,
      body: multipartBody(
        fields({ originalFileName: 'a', originalFileType: '', totalChunks: '1' }),
        boundary,
      ),
    }),
  ],
  [
    'a chunk',
    async ({ headers }) => {
      const upload = await initUpload(stowage, 2, { headers });
      const parts = [...fields({ ...fieldsOf(upload), chunkIndex: '0' }), filePart('hello world')];
      return { path: '/upload?chunked=true', type: formType, body: multipartBody(parts, boundary) };
    },
  ],
  [
    'a merge',
    async ({ headers }) => {
      const upload: ChunkedUpload = await initUpload(stowage, 1, { headers });
      expect((await putChunk(stowage, upload, 0, Buffer.from('hello'))).status).toBe(200);
      return {
        path: '/upload?chunked=true&merge=true',
        type: formType,
        body: multipartBody(fields(fieldsOf(upload)), boundary),
      };
    },
  ],
  ['the start of a direct upload', () => jsonCall('/upload/huggingface/getUploadUrl', direct)],
  [
    'the end of a direct upload',
    async ({ headers }) => {
      const answer = await stowage.fetch('/upload/huggingface/getUploadUrl', {
        method: 'POST',
        headers,
        body: JSON.stringify({ ...direct, sha256: 'cd'.repeat(32) }),
      });
      const { fullId, filePath } = await jsonOf<{ fullId: string; filePath: string }>(answer);
      return jsonCall('/upload/huggingface/commitUpload', {
        fullId,
        filePath,
        fileSize: 5,
        sha256: 'cd'.repeat(32),
      });
    },
  ],
  [
    'the start of a media upload',
    () =>
      jsonCall('/media/upload', { filename: 'a.png', content_type: 'image/png', size: png.length }),
  ],
  ['an import', () => jsonCall('/media/upload-from-url', { url: 'https://example.com/a.png' })],
  ...(['PUT', 'POST'] as const).map(
    (method) =>
      [
        `${method} to an upload address`,
        async ({ headers }: MadeToken) => {
          const body = JSON.stringify({
            filename: 'a.png',
            content_type: 'image/png',
            size: png.length,
          });
          const answer = await stowage.fetch('/media/upload', { method: 'POST', headers, body });
          const { data } = await jsonOf<{ data: { upload_url: string } }>(answer);
          const { pathname, search } = new URL(data.upload_url);
          if (method === 'PUT') {
            return { method, path: pathname + search, type: 'image/png', body: png };
          }
          const form = multipartBody([filePart(png, 'a.png', 'image/png')], boundary);
          return { method, path: pathname + search, type: formType, body: form };
        },
      ] as const,
  ),
];

describe.each(endings)('a token that is %s while the body comes in (T28)', (_, end) => {
  it.each(routes)('is promised nothing: %s', async (name, prepare) => {
    const token = await createToken(stowage, ['upload']);
    const before = (await storedObjects(stowage)).length;
    const total = async () =>
      (await jsonOf<{ data: { total: number } }>(stowage.fetch('/media?limit=1'))).data.total;
    const filesBefore = await total();
    const call = await prepare(token);
    const isAddress = name.includes('upload address');
    const headers = isAddress ? {} : token.headers;
    const status = await inTwoHalves({ ...call, headers }, () => end(token));
    expect(status).toBe(isAddress ? 403 : 401);
    expect(await total()).toBe(filesBefore);
    // A chunk that was stored before goes with its upload, unless the merge was what was refused.
    await eventually(async () => expect((await storedObjects(stowage)).length).toBe(before));
  });
});

describe.each(endings)('a token that is %s while its order comes in', (how, end) => {
  it('makes no other token and changes none', async () => {
    const other = await createToken(stowage, ['upload']);
    const create = jsonCall('/api/manage/apiTokens', { name: 'heir', permissions: ['upload'] });
    const update = {
      ...jsonCall('/api/manage/apiTokens', { tokenId: other.id, permissions: ['list'] }),
      method: 'PUT',
    };
    for (const call of [create, update]) {
      const token = await createToken(stowage, ['manage', 'upload', 'list']);
      const status = await inTwoHalves({ ...call, headers: token.headers }, () => end(token));
      expect(status).toBe(how === 'revoked' ? 401 : 403);
    }
    const { tokens } = await jsonOf<{
      tokens: { id: string; name: string; permissions: string[] }[];
    }>(stowage.fetch('/api/manage/apiTokens'));
    expect(tokens.map(({ name }) => name)).not.toContain('heir');
    expect(tokens.find(({ id }) => id === other.id)?.permissions).toEqual(['upload']);
  });
});

it('a token that may no longer delete deletes no batch whose list came in meanwhile', async () => {
  const token = await createToken(stowage, ['delete', 'upload']);
  const [{ src }] = await jsonOf<[{ src: string }]>(
    stowage.fetch('/upload', {
      method: 'POST',
      headers: { 'content-type': formType },
      body: multipartBody([filePart('kept')], boundary),
    }),
  );
  const call = jsonCall('/api/manage/delete/batch', { fileIds: [src] });
  const narrow = () => manage('PUT', { tokenId: token.id, permissions: ['upload'] });
  expect(await inTwoHalves({ ...call, headers: token.headers }, narrow)).toBe(403);
  expect((await stowage.fetch(src)).status).toBe(200);
});

describe('upload addresses and sessions', () => {
  it.each(endings)('of a token that was %s take nothing any more', async (_, end) => {
    const token = await createToken(stowage, ['upload']);
    const address = routes.find(([name]) => name.startsWith('PUT'))?.[1];
    const call = await address?.(token);
    const upload = await initUpload(stowage, 1, { headers: token.headers });
    await end(token);
    expect(
      (
        await stowage.fetch(call?.path ?? '', {
          method: 'PUT',
          body: png,
          headers: { authorization: '' },
        })
      ).status,
    ).toBe(403);
    expect((await putChunk(stowage, upload, 0, Buffer.from('x'))).status).toBe(401);
    expect((await mergeUpload(stowage, upload)).status).toBe(401);
  });
});

describe('an administrator who is signed out while the body comes in (T24)', () => {
  it('stores nothing', async () => {
    const headers = await adminCookie(stowage);
    const { sessions } = await jsonOf<{ sessions: { id: string }[] }>(
      stowage.fetch('/api/manage/sessions'),
    );
    const before = await storedObjects(stowage);
    const body = multipartBody([filePart('x'.repeat(100_000), 'late.txt')]);
    const type = 'multipart/form-data; boundary=frontier';
    const status = await inTwoHalves({ path: '/upload', type, body, headers }, async () => {
      for (const { id } of sessions) {
        const path = `/api/manage/sessions?id=${id}`;
        expect((await stowage.fetch(path, { method: 'DELETE' })).status).toBe(200);
      }
    });
    expect(status).toBe(401);
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
  });
});
