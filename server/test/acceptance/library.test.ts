import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { jsonOf, srcOf, upload } from './requests.ts';

interface Listed {
  readonly files: readonly { readonly name: string; readonly metadata: Record<string, unknown> }[];
  readonly directories: readonly string[];
  readonly totalCount: number;
  readonly returnedCount: number;
  readonly nextCursor?: string;
}

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

const put = async (path: string, type = 'text/plain') => {
  const [name = '', ...folders] = path.split('/').reverse();
  const query = `?uploadNameType=origin&uploadFolder=${folders.reverse().join('/')}`;
  return srcOf(upload(stowage, query, { name, type, bytes: path }));
};
const call = async (method: string, path: string, json?: unknown) => {
  const body = json === undefined ? null : JSON.stringify(json);
  const response = await stowage.fetch(`/api/manage/${path}`, { method, body, redirect: 'manual' });
  const text = await response.text();
  return [response.status, text.startsWith('{') ? JSON.parse(text) : text] as const;
};
const list = (query: string) => jsonOf<Listed>(stowage.fetch(`/api/manage/list?${query}`));
const names = async (query: string) => (await list(query)).files.map(({ name }) => name);

describe('GET /api/manage/list', () => {
  beforeAll(async () => {
    for (const path of ['l/1.txt', 'l/2.txt', 'l/s/3.txt', 'l/s/t/4.txt', 'l-x/5.txt']) {
      await put(path);
    }
  });

  it('shows a folder with its counts and sub-folders', async () => {
    const answer = await list('dir=/l/&count=60&search=');
    expect(answer).toMatchObject({
      directories: ['l/s'],
      totalCount: 4,
      directFileCount: 2,
      directFolderCount: 1,
      returnedCount: 2,
      isIndexedResponse: true,
    });
    expect(answer.files.map(({ name }) => name)).toEqual(['l/2.txt', 'l/1.txt']);
    expect(answer.files[1]?.metadata).toEqual({
      FileName: '1.txt',
      FileType: expect.stringMatching(/^text\/plain/),
      FileSize: '0.00',
      FileSizeBytes: 7,
      UploadIP: '127.0.0.1',
      UploadAddress: '未知',
      ListType: 'None',
      TimeStamp: expect.any(Number),
      Label: 'None',
      Directory: 'l/',
      Tags: [],
      Channel: 'Local',
      ChannelName: 'local',
    });
    expect((await list('dir=')).directories).toEqual(['l', 'l-x']);
  });

  it('pages by start and by cursor, and sums', async () => {
    expect(await names('dir=l&recursive=true&start=1&count=2')).toEqual(['l/s/3.txt', 'l/2.txt']);
    const first = await list('dir=l&recursive=true&count=3');
    const next = await list(`dir=l&recursive=true&count=3&cursor=${first.nextCursor}`);
    expect(next.files.map(({ name }) => name)).toEqual(['l/1.txt']);
    expect(next.nextCursor).toBeUndefined();
    expect(await names('dir=l&recursive=true&count=-7')).toHaveLength(1);
    expect(await names('dir=l&recursive=true&count=x')).toHaveLength(4);
    const all = await list('dir=l&recursive=true&count=-1');
    expect([all.files.length, all.returnedCount, all.directories]).toEqual([4, 4, ['l/s']]);
    expect(await call('GET', 'list?count=-1&sum=true&dir=l')).toEqual([
      200,
      { sum: 4, indexLastUpdated: expect.any(Number) },
    ]);
  });

  it('filters; folders and counts with it', async () => {
    expect(await list('dir=l&search=3.TX')).toMatchObject({
      files: [],
      directories: ['l/s'],
      totalCount: 1,
    });
    expect(await names('dir=l&recursive=true&search=s%252Ft')).toEqual(['l/s/t/4.txt']);
    expect(await names('dir=l&channel=local&channelName=Local:local')).toHaveLength(2);
    expect(await names('dir=l&channel=S3')).toEqual([]);
    expect(await names('dir=l&fileType=other&accessStatus=normal&label=normal')).toHaveLength(2);
    expect(await names('dir=l&fileType=image,video')).toEqual([]);
    expect(await names('dir=l&sortBy=name&sortOrder=asc')).toEqual(['l/1.txt', 'l/2.txt']);
  });

  it('answers actions', async () => {
    expect(await call('GET', 'list?action=rebuild')).toEqual([200, 'Index rebuilt asynchronously']);
    const [, info] = await call('GET', 'list?action=info&timezoneOffset=-60&trendMaxPoints=90');
    const today = new Date(Date.now() + 3_600_000).toISOString().slice(0, 10);
    const series = [{ name: 'Local', data: [info.totalFiles], total: info.totalFiles }];
    expect(info).toMatchObject({
      success: true,
      channelStats: { Local: info.totalFiles },
      typeStats: { None: info.totalFiles, Block: 0, White: 0 },
      uploadTrend: {
        labels: [today],
        total: [info.totalFiles],
        bucketSizeDays: 1,
        range: { startDate: today, endDate: today },
        groupBy: { channel: { series, totalSeries: 1, limited: false } },
      },
      oldestFile: { metadata: { FileSizeBytes: 7 } },
    });
    expect(info.directoryStats['l/']).toBe(2);
  });

  it('sends more than a page as it reads it', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, at) => put(`many/${at % 7}/${at}.txt`)));
    const answer = await list('dir=many&recursive=true&count=5000');
    expect(new Set(answer.files.map(({ name }) => name)).size).toBe(40);
    expect(answer).toMatchObject({ returnedCount: 40, totalCount: 40 });
  });
});

describe('moving', () => {
  it('moves a file, and its old link leads to it', async () => {
    const src = await put('m/a.txt');
    expect(await call('GET', 'move/m/a.txt?dist=m/new')).toEqual([
      200,
      { success: true, fileId: 'm/a.txt', newFileId: 'm/new/a.txt' },
    ]);
    const old = await stowage.fetch(src, { redirect: 'manual' });
    expect([
      old.status,
      new URL(old.headers.get('location') ?? '', stowage.url + src).pathname,
    ]).toEqual([301, '/file/m/new/a.txt']);
    expect(await (await stowage.fetch(`${src}?x=1`)).text()).toBe('m/a.txt');
    // The name stays its own.
    expect(await put('m/a.txt')).toBe('/file/m/a(1).txt');
  });

  it('into its own folder changes nothing, onto another file is refused', async () => {
    await put('n/a.txt');
    await put('n/b/a.txt');
    expect((await call('POST', 'move/n/a.txt?dist=n'))[0]).toBe(200);
    expect(await call('POST', 'move/n/a.txt?dist=n/b')).toEqual([
      409,
      { success: false, error: 'Another file has this name.' },
    ]);
    expect(await call('POST', 'move/n/none.txt?dist=n/b')).toEqual([
      400,
      { success: false, error: 'Move file failed' },
    ]);
    expect(await (await stowage.fetch('/file/n/a.txt')).text()).toBe('n/a.txt');
  });

  it('moves a folder, can be repeated, and overwrites nothing', async () => {
    for (const path of ['f/x/1.txt', 'f/x/y/2.txt', 'g/x/1.txt']) {
      await put(path);
    }
    const [status, body] = await call('GET', 'move/f/x?folder=true&dist=g');
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        processed: [{ fileId: 'f/x/y/2.txt', newFileId: 'g/x/y/2.txt' }],
        failed: ['f/x/1.txt'],
      },
    ]);
    expect(await call('GET', 'move/f/x?folder=true&dist=f')).toEqual([
      200,
      { success: true, processed: [{ fileId: 'f/x/1.txt', newFileId: 'f/x/1.txt' }], failed: [] },
    ]);
    expect((await call('GET', 'move/f?folder=true&dist=f/x'))[0]).toBe(400);
    expect((await list('dir=g')).totalCount).toBe(2);
  });
});

describe('renaming', () => {
  it('gives a new path, cleaned', async () => {
    const src = await put('r/a.txt');
    const [status, body] = await call('POST', 'rename/r/a.txt', { newFileId: 'r/s/b(1).txt' });
    expect([status, body]).toMatchObject([
      200,
      { success: true, newFileId: 'r/s/b_1_.txt', metadata: { FileName: 'b_1_.txt' } },
    ]);
    expect((await stowage.fetch(src, { redirect: 'manual' })).status).toBe(301);
    expect(await call('POST', 'rename/r/s/b_1_.txt', { newFileId: 'r/s/b_1_.txt' })).toMatchObject([
      200,
      { success: true },
    ]);
  });

  it('refuses with its sentences', async () => {
    await put('r/c.txt');
    await put('r/d.txt');
    const refused = async (path: string, json: unknown, method = 'POST') => {
      const [status, body] = await call(method, `rename/${path}`, json);
      return [status, body.message];
    };
    expect(await refused('r/c.txt', { newFileId: 'r/d.txt' })).toEqual([409, '目标文件名已存在']);
    expect(await refused('r/none', { newFileId: 'r/e' })).toEqual([404, 'File not found.']);
    expect(await refused('r/c.txt', { newFileId: ' ' })).toEqual([
      400,
      'newFileId is required and must be a non-empty string.',
    ]);
    expect(await refused('r/c.txt', [])).toEqual([400, 'Invalid request body. Expected JSON.']);
    expect(await refused('%20', { newFileId: 'x' })).toEqual([400, 'File ID is required.']);
    expect(await refused('r/c.txt', {}, 'PUT')).toEqual([405, 'Method not allowed. Use POST.']);
    const [status, body] = await call('PUT', 'metadata/r/c.txt', {});
    expect([status, body.message]).toEqual([405, 'Method not allowed. Use PATCH.']);
  });
});

describe('metadata and tags', () => {
  it('changes name and type', async () => {
    const src = await put('e/a.txt');
    expect(
      await call('PATCH', 'metadata/e/a.txt', { FileName: 'Ä b.md', FileType: 'Text/Markdown' }),
    ).toMatchObject([200, { metadata: { FileName: 'Ä b.md', FileType: 'text/markdown' } }]);
    const shown = (await stowage.fetch(src)).headers;
    expect(shown.get('content-disposition')).toContain("filename*=UTF-8''%C3%84%20b.md");
    expect(await call('PATCH', 'metadata/e/a.txt', {})).toMatchObject([
      400,
      { message: 'At least one of FileName or FileType is required.' },
    ]);
    expect((await call('PATCH', 'metadata/e/no', { FileName: 'x' }))[0]).toBe(404);
  });

  it('sets, adds and removes tags, finds by them and completes them', async () => {
    await put('t/a.txt');
    await put('t/b.txt');
    const encoded = `tags/${encodeURIComponent('t/a.txt')}`;
    expect(await call('POST', encoded, { tags: ['Rot', 'rot', '猫-1'] })).toEqual([
      200,
      { success: true, fileId: 't/a.txt', action: 'set', tags: ['rot', '猫-1'] },
    ]);
    await call('POST', encoded, { action: 'add', tags: ['rostig'] });
    await call('POST', encoded, { action: 'remove', tags: ['猫-1'] });
    expect(await call('GET', encoded)).toEqual([
      200,
      { success: true, fileId: 't/a.txt', tags: ['rot', 'rostig'] },
    ]);
    expect(
      await call('POST', 'tags/batch', {
        fileIds: ['t/b.txt', 't/none.txt'],
        action: 'add',
        tags: ['rot'],
      }),
    ).toEqual([
      207,
      {
        success: false,
        total: 2,
        updated: 1,
        errors: [{ fileId: 't/none.txt', error: 'File not found' }],
      },
    ]);
    expect(await names('dir=t&includeTags=ROT')).toHaveLength(2);
    expect(await names('dir=t&includeTags=rot&excludeTags=rostig')).toEqual(['t/b.txt']);
    expect(await call('GET', 'tags/autocomplete?prefix=RO&limit=1')).toEqual([
      200,
      { success: true, prefix: 'ro', tags: ['rostig'], total: 1, hasMore: true },
    ]);
    const errorOf = async (json: unknown) => (await call('POST', encoded, json))[1].error;
    expect(await errorOf({ action: 'x', tags: [] })).toBe('Invalid action');
    expect(await errorOf({ tags: 'x' })).toBe('Invalid tags format');
    expect(await errorOf({ tags: ['a b'] })).toBe('Invalid tag format');
    expect(await call('GET', 'tags/t/none.txt')).toEqual([
      404,
      { error: 'File not found', fileId: 't/none.txt' },
    ]);
  });
});

describe('blocking', () => {
  it('hides a file from all but those who manage the library, and shows it again', async () => {
    const src = await put('b/a.txt');
    const anonymous = { headers: { authorization: '' } };
    expect(await call('GET', 'block/b/a.txt')).toEqual([200, { success: true, listType: 'Block' }]);
    const hidden = await stowage.fetch(src, anonymous);
    expect([hidden.status, hidden.headers.get('content-type')]).toEqual([403, 'image/png']);
    expect((await stowage.fetch(src, { method: 'HEAD' })).status).toBe(403);
    expect(await (await stowage.fetch(`${src}?from=admin`)).text()).toBe('b/a.txt');
    const refused = await stowage.fetch(`${src}?from=admin`, anonymous);
    expect([refused.status, await refused.text()]).toEqual([401, 'Admin authentication required']);
    expect(refused.headers.get('cache-control')).toMatch(/^private, no-store/);
    expect(await names('dir=b&accessStatus=blocked')).toEqual(['b/a.txt']);

    expect(await call('GET', 'white/b/a.txt')).toEqual([200, { success: true, listType: 'White' }]);
    expect((await stowage.fetch(src, anonymous)).status).toBe(200);
    expect(await call('POST', 'access/b/a.txt', { listType: 'None' })).toEqual([
      200,
      { success: true, listType: 'None' },
    ]);
    expect(await names('dir=b&listType=None')).toEqual(['b/a.txt']);
    expect((await call('POST', 'access/b/a.txt', { listType: 'x' }))[0]).toBe(400);
    expect((await call('GET', 'block/b/none.txt'))[0]).toBe(404);
  });
});

describe('deleting a folder', () => {
  it('deletes all below it and nothing beside it, and can be repeated', async () => {
    for (const path of ['d/x/1.txt', 'd/x/y/2.txt', 'd/x-1/3.txt', 'd/x.txt']) {
      await put(path);
    }
    const [status, body] = await call('GET', 'delete/d/x?folder=true');
    expect([status, body.failed, body.deleted.toSorted()]).toEqual([
      200,
      [],
      ['d/x/1.txt', 'd/x/y/2.txt'],
    ]);
    expect(await call('GET', 'delete/d,x?folder=true')).toEqual([
      200,
      { success: true, deleted: [], failed: [] },
    ]);
    expect(await list('dir=d')).toMatchObject({ totalCount: 2, directories: ['d/x-1'] });
    expect((await call('GET', 'delete/%2F?folder=true'))[0]).toBe(400);
  });
});
