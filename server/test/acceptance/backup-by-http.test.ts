import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { jsonOf, srcOf, upload } from './requests.ts';
import { createToken } from './tokens.ts';

interface Row {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly value?: string;
}
interface Page {
  readonly success: boolean;
  readonly records: readonly (Row & { readonly id: string })[];
  readonly nextCursor: string | null;
  readonly totalProcessed: number;
}
interface Restored {
  readonly success: boolean;
  readonly restoredCount: number;
  readonly failedCount: number;
  readonly errors?: readonly { readonly key: string; readonly error: string }[];
}

const base = '/api/manage/batch';
const secret = 'a secret of the channel';

let home: string;
let old: Stowage;
let empty: Stowage;
let bytesOf: Map<string, string>;

const restore = (data: unknown, type = 'files', app = empty): Promise<Restored> =>
  jsonOf(
    app.fetch(`${base}/restore/chunk`, { method: 'POST', body: JSON.stringify({ type, data }) }),
  );

/** As the page reads a whole library. */
async function everything(app: Stowage, limit = 4): Promise<Record<string, Row>> {
  const files: Record<string, Row> = {};
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = `limit=${limit}&includeValue=true&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await jsonOf(app.fetch(`${base}/list?${query}`));
    expect([page.success, page.totalProcessed]).toEqual([true, page.records.length]);
    for (const { id, metadata, value } of page.records) {
      expect(files[id]).toBeUndefined();
      files[id] = value === undefined ? { metadata } : { metadata, value };
    }
    cursor = page.nextCursor;
  }
  return files;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-batch-'));
  const config = {
    // The bytes are carried over as files.
    uploads: { smallObjectBytes: 0 },
    channels: [
      { type: 'local', name: 'disk' },
      {
        type: 's3',
        name: 'away',
        bucket: 'pictures',
        endpoint: 'http://127.0.0.1:1',
        accessKeyId: 'k',
        secretAccessKey: secret,
      },
    ],
  };
  old = await startStowage({ config, dataDir: join(home, 'old') });
  empty = await startStowage({ config, dataDir: join(home, 'new') });
  bytesOf = new Map();
  for (let at = 0; at < 10; at++) {
    const bytes = at === 3 ? '' : `file ${at}`;
    const query = at % 2 === 0 ? '?uploadFolder=a/b' : '?uploadNameType=origin';
    const src = await srcOf(upload(old, query, { bytes, name: `图 ${at}.txt` }));
    bytesOf.set(src, bytes);
  }
});
afterAll(async () => {
  await Promise.all([old?.stop(), empty?.stop()]);
  await rm(home, { recursive: true, force: true });
});

describe('a backup by HTTP', () => {
  it('holds every file once, page by page, and no secret', async () => {
    const files = await everything(old);
    expect(Object.keys(files).length).toBe(bytesOf.size);
    for (const src of bytesOf.keys()) {
      expect(files[decodeURIComponent(src).slice('/file/'.length)]).toBeDefined();
    }
    expect(JSON.stringify(files)).not.toContain(secret);
    expect(Object.values(files)[0]?.metadata).toMatchObject({
      Channel: 'Local',
      ChannelName: 'disk',
    });
    const plain: Page = await jsonOf(old.fetch(`${base}/list`));
    expect([plain.records.length, plain.nextCursor]).toEqual([bytesOf.size, null]);
    expect(plain.records.every(({ value }) => value === undefined)).toBe(true);
    expect((await old.fetch(`${base}/list?cursor=x`)).status).toBe(400);
  });

  it('is restored into an empty server: every link answers with equal bytes, twice', async () => {
    const files = await everything(old);
    const all = bytesOf.size;
    // The bytes are not there yet: nothing is promised. An empty file needs none.
    const early = await restore(files);
    expect([early.restoredCount, early.failedCount]).toEqual([1, all - 1]);
    expect(early.errors?.[0]?.error).toBe('The bytes of this file cannot be read.');

    await cp(join(old.dataDir, 'objects'), join(empty.dataDir, 'objects'), { recursive: true });
    for (const round of [1, 2]) {
      const { success, restoredCount, failedCount, errors } = await restore(files);
      expect([round, success, restoredCount, failedCount, errors]).toEqual([
        round,
        true,
        all,
        0,
        undefined,
      ]);
    }
    for (const [src, bytes] of bytesOf) {
      const [here, there] = await Promise.all([empty.fetch(src), old.fetch(src)]);
      expect(await here.text()).toBe(bytes);
      expect(here.headers.get('etag')).toBe(there.headers.get('etag'));
      expect(here.headers.get('cache-control')).toBe(there.headers.get('cache-control'));
    }
    expect(await everything(empty)).toEqual(files);
  });

  it('never replaces a file, and takes rows one by one', async () => {
    const files = await everything(old);
    const [[path = '', row] = ['']] = Object.entries(files);
    const value = JSON.parse(row?.value ?? '');
    const changed = (changes: object) => ({
      ...row,
      value: JSON.stringify({ ...value, ...changes }),
    });
    const id = '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02';
    const file = { ...value.file, id };
    const blob = { ...value.blob, id };
    const [copy] = value.copies;
    const ref = { path: '../../../etc/passwd' };
    const stranger = { channel: { type: 'telegram', name: 'theirs' }, segments: copy.segments };
    const answer = await restore({
      'fresh.txt': changed({ file }),
      [path]: changed({ file, blob }),
      'other-path.txt': row,
      'a/../b.txt': changed({ file }),
      '': changed({ file }),
      'manage@sysConfig@security': { metadata: {}, value: '{"auth":{}}' },
      'theirs.jpg': { metadata: { Channel: 'TelegramNew', TgFileId: 'x' } },
      'telegram.txt': changed({ file, blob, copies: [stranger] }),
      'no-copies.txt': changed({ file, blob, copies: [] }),
      'outside.txt': changed({
        file,
        blob,
        copies: [{ ...copy, segments: [{ ...copy.segments[0], ref }] }],
      }),
      'elsewhere.txt': changed({
        file: { ...file, id: `${id.slice(0, -1)}3` },
        copies: [{ ...copy, segments: [{ ...copy.segments[0], ref }] }],
      }),
      'sizes.txt': changed({ file, blob: { ...blob, size: 10 ** 9 } }),
      'more.txt': changed({ file, admin: true }),
    });
    expect([answer.success, answer.restoredCount, answer.failedCount]).toEqual([true, 1, 12]);
    expect(answer.errors?.length).toBe(10);
    expect(await (await empty.fetch('/file/fresh.txt')).text()).toBe(
      bytesOf.get(`/file/${encodeURI(path)}`),
    );
    expect(Object.keys(await everything(empty)).length).toBe(bytesOf.size + 1);
  });

  it.each([
    [{ type: 'users', data: {} }, 'type must be "files" or "settings"'],
    [{ type: 'files', data: [] }, 'data must be an object'],
    [{ type: 'files' }, 'data must be an object'],
    [
      { type: 'files', data: Object.fromEntries(Array.from({ length: 501 }, (_, at) => [at, {}])) },
      'A maximum of 500 rows can be restored at once',
    ],
  ])('refuses %# as a whole', async (body, error) => {
    const init = { method: 'POST', body: JSON.stringify(body) };
    const response = await empty.fetch(`${base}/restore/chunk`, init);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ success: false, error });
  });

  it('has settings, of which blocked addresses come back', async () => {
    for (const body of ['192.0.2.1', '2001:db8::1']) {
      await old.fetch('/api/manage/cusConfig/blockip', { method: 'POST', body });
    }
    const answer = await jsonOf<{ settings: Record<string, unknown> }>(
      old.fetch(`${base}/settings`),
    );
    expect(answer).toEqual({ success: true, settings: { blockipList: '192.0.2.1,2001:db8::1' } });
    const restored = await restore(
      { ...answer.settings, 'sysConfig@security': { auth: {} }, index: 'x' },
      'settings',
    );
    expect([restored.restoredCount, restored.failedCount]).toEqual([1, 2]);
    const listed = await empty.fetch('/api/manage/cusConfig/blockipList');
    expect((await listed.text()).split(',').sort()).toEqual(['192.0.2.1', '2001:db8::1']);
  });
});

it('an index that a page rebuilds is accepted, and changes nothing', async () => {
  const post = (path: string, body: unknown) =>
    jsonOf(old.fetch(`${base}/index/${path}`, { method: 'POST', body: JSON.stringify(body) }));
  expect(await jsonOf(old.fetch(`${base}/index/config`))).toMatchObject({
    success: true,
    chunkSize: 500,
  });
  const chunk = { chunkId: '0', sessionId: 's', data: [{ id: 'a' }], checksum: '0' };
  expect(await post('chunk', chunk)).toEqual({ success: true, chunkId: '0', storedCount: 1 });
  expect(await post('finalize', { sessionId: 's', totalChunks: 1, totalFiles: 1 })).toEqual({
    success: true,
    indexedCount: 1,
    lastUpdated: expect.any(Number),
  });
  expect(await post('chunk', {})).toEqual({ success: false, error: 'Invalid request body' });
  expect(await post('finalize', {})).toEqual({ success: false, error: 'Invalid request body' });
});

it.each([
  ['GET', 'list'],
  ['GET', 'settings'],
  ['POST', 'restore/chunk'],
  ['GET', 'index/config'],
  ['POST', 'index/chunk'],
  ['POST', 'index/finalize'],
])('%s %s needs the permission to manage', async (method, path) => {
  const { headers } = await createToken(old, ['upload', 'list', 'delete']);
  expect((await old.fetch(`${base}/${path}`, { method, headers })).status).toBe(403);
});
