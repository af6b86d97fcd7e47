import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from '../../../test/acceptance/harness.ts';
import { setupLink } from '../../../test/acceptance/people.ts';
import { bytes, openSite, type RemoteSite } from '../../../test/acceptance/remote-site.ts';
import {
  type HubEmulator,
  startHubEmulator,
} from '../../../test/emulators/huggingface/emulator.ts';
import { fixtureBytes, fixtures } from '../../../test/fixtures/index.ts';
import {
  type Call,
  type DocumentedCalls,
  documentedCalls,
} from '../../../test/services/documented-calls.ts';
import { apis } from '../apis.ts';
import { operationsOf } from './operations.ts';

const unknownId = '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02';
const png = fixtureBytes(fixtures.png);
const image = { filename: 'photo.png', content_type: 'image/png', size: png.length };

let server: Stowage;
let site: RemoteSite;
let hub: HubEmulator;
let calls: DocumentedCalls;

beforeAll(async () => {
  site = await openSite();
  hub = await startHubEmulator({ multipartFromBytes: 3000, chunkBytes: 2000 });
  server = await startStowage({
    env: {
      STOWAGE_AUTH_CODE: 'upload-code-of-the-test',
      STOWAGE_ADMIN_RESET_KEY: 'reset-key-of-the-test',
      STOWAGE_RATE_LIMIT_PER_MINUTE: '100',
      STOWAGE_RATE_LIMIT_PER_HOUR: '1000',
      STOWAGE_MEDIA_MAX_DOCUMENT_BYTES: '1000',
      STOWAGE_FETCH_ALLOWED_PRIVATE_HOSTS: '127.0.0.1',
      STOWAGE_PUBLIC_BROWSE_ENABLED: 'true',
      STOWAGE_PUBLIC_BROWSE_FOLDERS: 'open',
      STOWAGE_RANDOM_IMAGE_ENABLED: 'true',
    },
    config: {
      channels: [
        { type: 'local', name: 'local' },
        {
          type: 'huggingface',
          name: 'hf',
          repo: 'ada/pictures',
          token: hub.token,
          endpoint: hub.url,
        },
      ],
    },
  });
  calls = documentedCalls(server);
});

afterAll(async () => {
  await server?.stop();
  await hub?.close();
  await site?.close();
});

const call = (id: string, options?: Call) => calls.call(id, options);

interface Started {
  readonly data: { readonly media_id: string; readonly upload_url: string };
}

async function startUpload(json: object = image): Promise<Started['data']> {
  const { body } = await call('uploadMedia', { json });
  return (body as Started).data;
}

function form(fields: Readonly<Record<string, string>>, file?: Uint8Array): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    made.append(name, value);
  }
  if (file !== undefined) {
    made.append(
      'file',
      new Blob([file as Uint8Array<ArrayBuffer>], { type: 'image/png' }),
      'photo.png',
    );
  }
  return made;
}

const raw = (content: Uint8Array): NonNullable<Call['body']> => content as Uint8Array<ArrayBuffer>;
const codeOf = ({ body }: { readonly body: unknown }) =>
  (body as { error: { code: string } | null }).error?.code;

describe('answers are as the document says', () => {
  it('to an upload by the Media API', async () => {
    const { media_id: id, upload_url: url } = await startUpload();
    await call('listMedia', { query: { status: 'uploading' } });
    await call('getMedia', { params: { id } });
    expect(codeOf(await call('completeMedia', { params: { id } }))).toBe('upload_not_received');
    await call('putUpload', { url, body: raw(png), headers: { 'content-type': 'image/png' } });
    await call('postUpload', { url, body: form({}, png) });
    await call('completeMedia', { params: { id } });
    expect(codeOf(await call('putUpload', { url, body: raw(png) }))).toBe('already_completed');
    await call('getMedia', { params: { id } });
    await call('listMedia', { query: { type: 'image', limit: '1' } });
    await call('deleteMedia', { params: { id } });
    expect(codeOf(await call('deleteMedia', { params: { id } }))).toBe('not_found');
  });

  it('to requests that are not right', async () => {
    expect(codeOf(await call('uploadMedia', { json: { ...image, filename: undefined } }))).toBe(
      'validation_error',
    );
    expect(codeOf(await call('uploadMedia', { json: { contentType: 'image/png' } }))).toBe(
      'invalid_field_name',
    );
    expect(codeOf(await call('uploadMedia', { body: '{' }))).toBe('invalid_json');
    expect(
      codeOf(await call('uploadMedia', { json: { ...image, more: 'x'.repeat(300_000) } })),
    ).toBe('file_too_large');
    expect(codeOf(await call('uploadMedia', { json: image, token: '' }))).toBe('unauthorized');
    expect(codeOf(await call('listMedia', { query: { limit: '1000' } }))).toBe('validation_error');
    expect(codeOf(await call('getMedia', { params: { id: unknownId } }))).toBe('not_found');
  });

  it('to repeats with an Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'one' };
    await call('uploadMedia', { json: image, headers });
    const again = await call('uploadMedia', { json: image, headers });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(codeOf(await call('uploadMedia', { json: { ...image, size: 1 }, headers }))).toBe(
      'idempotency_key_conflict',
    );
  });

  it('to bytes that do not belong', async () => {
    const { media_id: id, upload_url: url } = await startUpload();
    const forged = url.replace(/sig=v1\..{4}/, 'sig=v1.AAAA');
    expect(codeOf(await call('putUpload', { url: forged, body: raw(png) }))).toBe(
      'invalid_signature',
    );
    const typed = { url, body: raw(png), headers: { 'content-type': 'video/mp4' } };
    expect(codeOf(await call('putUpload', typed))).toBe('content_type_mismatch');
    const wrong = createHash('md5').update('x').digest('base64');
    expect(
      codeOf(await call('putUpload', { url, body: raw(png), headers: { 'content-md5': wrong } })),
    ).toBe('checksum_mismatch');
    expect(codeOf(await call('postUpload', { url, body: form({ note: 'x' }) }))).toBe(
      'bad_request',
    );
    const boundless = { url, body: 'x', headers: { 'content-type': 'multipart/form-data' } };
    expect(codeOf(await call('postUpload', boundless))).toBe('invalid_multipart');
    await call('putUpload', {
      url,
      body: 'no picture at all',
      headers: { 'content-type': 'image/png' },
    });
    expect(codeOf(await call('completeMedia', { params: { id } }))).toBe('content_type_mismatch');
    expect(codeOf(await call('completeMedia', { params: { id } }))).toBe('media_failed');
    const small = await startUpload({
      filename: 'a.pdf',
      content_type: 'application/pdf',
      size: 900,
    });
    const large = { url: small.upload_url, body: raw(Buffer.alloc(2000)) };
    expect(codeOf(await call('putUpload', large))).toBe('file_too_large');
  });

  it('to media from a URL', async () => {
    site.on('/a.png', bytes(png));
    site.on('/clip.mp4', bytes(fixtureBytes(fixtures.clip)));
    site.on('/a.html', bytes(fixtureBytes(fixtures.html)));
    expect((await call('uploadMediaFromUrl', { json: { url: `${site.url}/a.png` } })).status).toBe(
      201,
    );
    expect(
      (await call('uploadMediaFromUrl', { json: { url: `${site.url}/clip.mp4` } })).status,
    ).toBe(202);
    expect(codeOf(await call('uploadMediaFromUrl', { json: { url: `${site.url}/a.html` } }))).toBe(
      'unsupported_media_type',
    );
    expect(codeOf(await call('uploadMediaFromUrl', { json: { url: `${site.url}/none` } }))).toBe(
      'fetch_failed',
    );
    expect(codeOf(await call('uploadMediaFromUrl', { json: { url: 'http://10.0.0.1/' } }))).toBe(
      'url_not_allowed',
    );
    expect(codeOf(await call('uploadMediaFromUrl', { json: { url: 'ftp://example.com/' } }))).toBe(
      'invalid_url',
    );
  });

  it('to questions about the token', async () => {
    for (const id of ['getMe', 'listAccounts', 'getPlatformRules']) {
      await call(id);
      expect(codeOf(await call(id, { token: '' }))).toBe('unauthorized');
    }
  });

  it('to an upload by the Upload API, and to those who read', async () => {
    await call('upload', { body: form({}, png), query: { returnFormat: 'full' } });
    const { body } = await call('upload', {
      body: form({}, png),
      query: { uploadFolder: 'img/test', serverCompress: 'false' },
    });
    const params = { path: (body as [{ src: string }])[0].src.slice('/file/'.length) };
    const { body: read, headers } = await call('readFile', { params });
    expect(png.equals(read as Buffer)).toBe(true);
    expect((await call('readFile', { params, headers: { range: 'bytes=0-9' } })).status).toBe(206);
    expect((await call('readFile', { params, headers: { range: 'bytes=9999999-' } })).status).toBe(
      416,
    );
    expect(
      (await call('readFile', { params, headers: { 'if-none-match': headers.get('etag') ?? '' } }))
        .status,
    ).toBe(304);
    expect((await call('readFile', { params, headers: { 'if-match': '"other"' } })).status).toBe(
      412,
    );
    expect((await call('readFile', { params: { path: 'none.png' } })).status).toBe(404);
    expect((await call('readFile', { params: { path: 'a%00b.png' } })).status).toBe(400);
    await call('headFile', { params });
    await call('headFile', { params, headers: { 'if-none-match': '*' } });
  });

  it('to what the Upload API refuses', async () => {
    expect((await call('upload', { body: form({}, png), token: '' })).body).toBe('Unauthorized');
    expect((await call('upload', { body: form({ other: 'x' }) })).body).toBe(
      'Error: No file provided',
    );
    expect((await call('upload', { body: 'text' })).status).toBe(400);
    expect(
      (
        await call('upload', {
          body: form({}, png),
          query: { uploadChannel: 's3', autoRetry: 'false' },
        })
      ).status,
    ).toBe(400);
    await call('listChannels');
    await call('listChannels', { token: '' });
  });

  it('to an upload in chunks', async () => {
    const fields = {
      originalFileName: 'photo.png',
      originalFileType: 'image/png',
      totalChunks: '2',
    };
    const init = await call('upload', {
      body: new URLSearchParams(fields),
      query: { initChunked: 'true' },
    });
    const { uploadId } = init.body as { uploadId: string };
    const step = { ...fields, uploadId };
    const cut = png.length - 100;
    await call('upload', {
      body: form({ ...step, chunkIndex: '1' }, png.subarray(cut)),
      query: { chunked: 'true' },
    });
    expect(
      (
        await call('upload', {
          body: form({ ...step, chunkIndex: '7' }, png),
          query: { chunked: 'true' },
        })
      ).status,
    ).toBe(400);
    await call('getChunkedUpload', { query: { uploadId } });
    await call('upload', {
      body: form({ ...step, chunkIndex: '0' }, png.subarray(0, cut)),
      query: { chunked: 'true' },
    });
    await call('upload', { body: form(step), query: { chunked: 'true', merge: 'true' } });
    await call('getChunkedUpload', { query: { uploadId } });
    await call('upload', { query: { cleanup: 'true', uploadId, totalChunks: '2' } });
    expect((await call('upload', { query: { cleanup: 'true' } })).status).toBe(400);
    expect(
      (await call('upload', { body: form(step), query: { chunked: 'true', merge: 'true' } }))
        .status,
    ).toBe(400);
    expect((await call('getChunkedUpload', { query: { uploadId: 'none' } })).status).toBe(400);
    expect((await call('getChunkedUpload', { token: '', query: { uploadId } })).status).toBe(401);
  });

  it.each([
    ['whole', 2500],
    ['in parts', 5000],
  ])('to an upload to Hugging Face, %s', async (_how, size) => {
    const content = Buffer.alloc(size, size);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const asked = {
      fileName: 'clip.bin',
      fileType: 'application/octet-stream',
      fileSize: size,
      sha256,
    };
    const fileSample = content.subarray(0, 512).toString('base64');
    const { body } = await call('getHuggingFaceUploadUrl', { json: { ...asked, fileSample } });
    const ticket = body as Ticket;
    const parts = await sendTo(ticket, content);
    if (parts.length > 0) {
      await call('completeHuggingFaceMultipart', {
        url: ticket.uploadAction.href,
        json: { oid: sha256, parts },
      });
    }
    const { fullId, filePath } = ticket;
    await call('commitHuggingFaceUpload', { json: { fullId, filePath, sha256, fileSize: size } });
    const other = { fullId, filePath: `${filePath}x`, sha256, fileSize: size };
    expect((await call('commitHuggingFaceUpload', { json: other })).status).toBe(403);

    const made = await call('createToken', { json: { name: 'uploader', permissions: ['upload'] } });
    const { token } = made.body as { token: string };
    const again = (await call('getHuggingFaceUploadUrl', { json: { ...asked, fileSample }, token }))
      .body as Ticket;
    const claimed = { fullId: again.fullId, filePath: again.filePath, sha256, fileSize: size };
    expect((await call('commitHuggingFaceUpload', { json: claimed, token })).status).toBe(409);
    const url = again.uploadAction.href;
    expect(codeOf(await call('putDirectUpload', { url, body: 'other bytes' }))).toBe(
      'checksum_mismatch',
    );
    expect(codeOf(await call('putDirectUpload', { url: `${url}x`, body: content }))).toBe(
      'invalid_signature',
    );
    expect((await call('putDirectUpload', { url, body: content })).status).toBe(200);
    await call('commitHuggingFaceUpload', { json: claimed, token });
    expect(codeOf(await call('putDirectUpload', { url, body: content }))).toBe('already_completed');
  });

  it('to what the Hugging Face routes refuse', async () => {
    for (const id of ['getHuggingFaceUploadUrl', 'commitHuggingFaceUpload']) {
      expect((await call(id, { json: {} })).status).toBe(400);
      expect((await call(id, { json: {}, token: '' })).body).toBe('Unauthorized');
    }
    const query = { target: 'https://storage.example/', channelName: 'hf', sig: 'v1.a.b' };
    expect((await call('completeHuggingFaceMultipart', { query, json: {} })).status).toBe(401);
    expect((await call('completeHuggingFaceMultipart', { json: {} })).status).toBe(401);
  });

  it('to those who manage', async () => {
    const { body } = await call('createToken', {
      json: { name: 'reader', permissions: ['list'], autoDelete: true },
    });
    const made = body as { id: string; token: string };
    await call('listTokens');
    expect((await call('listTokens', { token: made.token })).status).toBe(403);
    expect(codeOf(await call('uploadMedia', { json: image, token: made.token }))).toBe(
      'insufficient_scope',
    );
    await call('updateToken', { json: { tokenId: made.id, permissions: ['list', 'upload'] } });
    await call('updateToken', { json: { tokenId: 'none', permissions: ['list'] } });
    await call('deleteToken', { query: { id: made.id } });
    await call('deleteToken', { query: { id: made.id } });
    expect((await call('createToken', { json: { name: 'x' } })).status).toBe(400);
    expect((await call('createToken', { json: { name: 'x', permissions: ['all'] } })).status).toBe(
      400,
    );
    expect((await call('createToken', { body: '{' })).status).toBe(400);
    expect((await call('updateToken', { json: {} })).status).toBe(400);
    expect((await call('deleteToken')).status).toBe(400);
    expect((await call('listTokens', { token: '' })).body).toBe('You need to login');
    const { body: stored } = await call('upload', { body: form({}, png) });
    const path = (stored as [{ src: string }])[0].src.slice('/file/'.length);
    await call('deleteFile', { params: { path } });
    await call('deleteFile', { params: { path: 'img' }, query: { folder: 'true' } });
    await call('deleteFiles', { json: { fileIds: [path, 'none.png'] } });
    expect((await call('deleteFiles', { json: { fileIds: [] } })).status).toBe(400);
    await call('testChannel', { params: { id: 'local' } });
    expect((await call('testChannel', { params: { id: 'none' } })).status).toBe(404);
  });

  it('to those who tidy up', async () => {
    const { body: stored } = await call('upload', { body: form({}, png) });
    const path = (stored as [{ src: string }])[0].src.slice('/file/'.length);
    const params = { path };
    await call('setFileTags', { params, json: { tags: ['a'] } });
    expect((await call('setFileTags', { params, json: {} })).status).toBe(400);
    expect((await call('setFileTags', { params: { path: 'x' }, json: { tags: [] } })).status).toBe(
      404,
    );
    await call('getFileTags', { params });
    await call('setTagsOfFiles', { json: { fileIds: [path], tags: ['b'] } });
    expect(
      (await call('setTagsOfFiles', { json: { fileIds: ['none'], tags: ['b'] } })).status,
    ).toBe(207);
    await call('completeTag', { query: { prefix: 'b' } });
    await call('listFiles', { query: { recursive: 'true' } });
    await call('listFiles', { query: { count: '-1', sum: 'true' } });
    await call('listFiles', { query: { action: 'info' } });
    await call('listFiles', { query: { action: 'rebuild' } });
    await call('blockFile', { params });
    await call('readFile', { params, query: { from: 'admin' }, token: '' });
    await call('whiteFile', { params });
    await call('setFileAccess', { params, json: { listType: 'None' } });
    expect((await call('setFileAccess', { params, json: {} })).status).toBe(400);
    expect((await call('blockFile', { params: { path: 'none' } })).status).toBe(404);
    await call('editFileMetadata', { params, json: { FileName: 'x.png' } });
    expect((await call('editFileMetadata', { params, json: {} })).status).toBe(400);
    await call('moveFile', { params, query: { dist: 'tidy' } });
    expect((await call('moveFile', { params: { path: 'none' } })).status).toBe(400);
    const moved = { path: `tidy/${path}` };
    await call('moveFile', { params: { path: 'tidy' }, query: { dist: '', folder: 'true' } });
    await call('renameFile', { params: moved, json: { newFileId: 'tidy/x.png' } });
    expect((await call('renameFile', { params: moved, json: {} })).status).toBe(400);
  });

  it('to those who block addresses', async () => {
    await call('listUploaders', { query: { start: '0', count: '5' } });
    await call('listUploaderFiles', { query: { ip: '127.0.0.1' } });
    expect((await call('listUploaderFiles')).status).toBe(400);
    await call('blockAddress', { body: '127.0.0.1' });
    await call('listBlockedAddresses');
    expect((await call('upload', { body: form({}, png) })).status).toBe(403);
    await call('unblockAddress', { body: '127.0.0.1' });
    expect((await call('blockAddress', { body: 'nowhere' })).status).toBe(400);
  });

  it('to those who back up', async () => {
    const { body } = await call('listRecords', { query: { includeValue: 'true', limit: '1' } });
    const { records } = body as { records: readonly { id: string }[] };
    expect((await call('listRecords', { query: { cursor: 'x' } })).status).toBe(400);
    await call('getBackupSettings');
    const data = Object.fromEntries(records.map((record) => [record.id, record]));
    await call('restoreRecords', { json: { type: 'files', data: { ...data, other: {} } } });
    expect((await call('restoreRecords', { json: {} })).status).toBe(400);
    await call('getIndexConfig');
    const chunk = { chunkId: '0', sessionId: 'x', data: [], checksum: '' };
    await call('putIndexChunk', { json: chunk });
    await call('endIndex', { json: { sessionId: 'x', totalChunks: 1, totalFiles: 0 } });
  });

  it('to pages', async () => {
    site.on('/words', bytes(Buffer.from('words'), { 'content-type': 'text/plain' }));
    await call('fetchResource', { json: { url: `${site.url}/words` } });
    expect((await call('fetchResource', { json: {} })).status).toBe(400);
    expect((await call('fetchResource', { json: {}, token: '' })).body).toBe('Unauthorized');
    await call('getWallpaper', { token: '' });
    await call('getDirectoryTree');
    expect((await call('getDirectoryTree', { token: '' })).body).toBe('Unauthorized');
    await call('getRandom', { token: '' });
    await call('listPublicFiles', { token: '', query: { dir: 'open' } });
    expect((await call('listPublicFiles', { token: '' })).status).toBe(403);
    await call('getAiTags');
    for (const id of ['writeAiTags', 'testAi', 'applyTags']) {
      expect((await call(id)).status).toBe(501);
    }
  });

  it('to those who manage channels', async () => {
    await call('listManagedChannels');
    const made = await call('createChannel', { json: { type: 'memory', name: 'desk' } });
    const { id } = (made.body as { channel: { id: string } }).channel;
    expect((await call('createChannel', { json: { type: 's3' } })).status).toBe(400);
    await call('updateChannel', { params: { id }, json: { draining: true } });
    await call('orderChannels', { json: { ids: [id] } });
    expect((await call('orderChannels', { json: { ids: [] } })).status).toBe(400);
    await call('deleteChannel', { params: { id } });
    expect((await call('deleteChannel', { params: { id } })).status).toBe(404);
  });

  it('to people who sign in', async () => {
    await call('getSetupPage');
    const link = await setupLink(server);
    const secret = new URL(link).hash.slice(1);
    const admin = { username: 'ada', password: 'a long password' };
    expect((await call('setUp', { json: { secret, username: 'ada', password: 'x' } })).status).toBe(
      400,
    );
    await call('setUp', { json: { secret, ...admin } });
    expect((await call('setUp', { json: { secret, ...admin } })).status).toBe(403);
    await call('signInAdmin', { json: admin });
    expect((await call('signInAdmin', { json: { ...admin, password: 'no' } })).status).toBe(401);
    expect((await call('signInAdmin', { body: '{' })).status).toBe(400);
    const { headers } = await call('signIn', { json: { authCode: 'upload-code-of-the-test' } });
    expect((await call('signIn', { json: { authCode: 'wrong' } })).status).toBe(401);
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    await call('checkSession', { headers: { cookie } });
    await call('checkSession');
    const { body } = await call('listSessions');
    const [{ id }] = (body as { sessions: [{ id: string }] }).sessions;
    await call('endSession', { query: { id } });
    expect((await call('endSession', { query: { id } })).status).toBe(404);
    expect((await call('endSession')).status).toBe(400);
    await call('signOut', { headers: { cookie }, json: { authType: 'user' } });
    expect((await call('resetSignIn', { query: { key: 'wrong' } })).status).toBe(403);
    await call('resetSignIn', { query: { key: 'reset-key-of-the-test' } });
  });

  it('to those who change settings', async () => {
    await call('getUserConfig', { token: '' });
    for (const name of [
      'UploadConfig',
      'SecurityConfig',
      'PageConfig',
      'OthersConfig',
      'AiConfig',
    ]) {
      await call(`get${name}`);
    }
    await call('setUploadConfig', { json: { s3: { channels: [] } } });
    expect((await call('setUploadConfig', { json: { s3: { channels: [{}] } } })).status).toBe(400);
    await call('setSecurityConfig', { json: {} });
    const short = { auth: { user: { authCode: 'x' } } };
    expect((await call('setSecurityConfig', { json: short })).status).toBe(400);
    await call('setPageConfig', { json: { config: [{ id: 'siteTitle', value: 'Ours' }] } });
    expect((await call('setPageConfig', { json: {} })).status).toBe(400);
    await call('setOthersConfig', { json: { publicBrowse: { enabled: false } } });
    expect((await call('setOthersConfig', { json: { webDAV: { enabled: true } } })).status).toBe(
      400,
    );
    await call('getQuota');
    await call('recountQuota');
  });

  it('to those who run the server', async () => {
    await call('getHealth');
    await call('getReadiness');
    await call('getMetrics', { token: '' });
    const { headers, body } = await call('getOpenApi');
    expect(Object.keys((body as { paths: object }).paths)).toContain('/upload');
    expect(
      (await call('getOpenApi', { headers: { 'if-none-match': headers.get('etag') ?? '' } }))
        .status,
    ).toBe(304);
    await call('getDocs');
  });

  it('to too many requests', async () => {
    let last = await call('listAccounts');
    for (let count = 0; last.status === 200 && count < 100; count++) {
      last = await call('listAccounts');
    }
    expect(codeOf(last)).toBe('rate_limit_exceeded');
  });

  it('for every operation at least once', () => {
    const succeeded = new Set(
      [...calls.seen].filter((seen) => /\s2\d\d$/.test(seen)).map((seen) => seen.split(' ')[0]),
    );
    expect(
      operationsOf(apis)
        .filter(({ answers }) => Object.keys(answers).some((status) => status.startsWith('2')))
        .map(({ id }) => id)
        .filter((id) => !succeeded.has(id)),
    ).toEqual([]);
  });
});

interface Ticket {
  readonly fullId: string;
  readonly filePath: string;
  readonly uploadAction: {
    readonly href: string;
    readonly header: Readonly<Record<string, string>>;
  };
}

/** Uploads as clients do; returns the parts when there are any. */
async function sendTo({ uploadAction: { href, header } }: Ticket, content: Buffer) {
  const { chunk_size: chunkSize, ...rest } = header;
  if (chunkSize === undefined) {
    const { ok } = await fetch(href, { method: 'PUT', headers: rest, body: raw(content) });
    expect(ok).toBe(true);
    return [];
  }
  const addresses = Object.entries(rest).filter(([name]) => /^\d+$/.test(name));
  return Promise.all(
    addresses.map(async ([, url], index) => {
      const part = content.subarray(index * Number(chunkSize), (index + 1) * Number(chunkSize));
      const answer = await fetch(url, { method: 'PUT', body: raw(part) });
      return { partNumber: index + 1, etag: answer.headers.get('etag') ?? '' };
    }),
  );
}
