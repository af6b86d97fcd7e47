import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type Stowage, startStowage } from './harness.ts';
import {
  eventually,
  fileForm,
  jsonOf,
  pseudoRandomBytes,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';

const canary = 'canary-secret-0123456789';

/** A store that nobody answers for. */
async function deadS3(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    type: 's3',
    name,
    endpoint: `http://127.0.0.1:${await freePort()}`,
    bucket: 'bucket',
    accessKeyId: 'id',
    secretAccessKey: canary,
    ...more,
  };
}

const read = async (stowage: Stowage, src: string) =>
  Buffer.from(await (await stowage.fetch(src)).arrayBuffer());
/** The channel folder that the next upload goes to. */
async function folderOf(stowage: Stowage, query = ''): Promise<string> {
  const before = new Set(await storedObjects(stowage));
  await srcOf(upload(stowage, query));
  return (await storedObjects(stowage)).find((path) => !before.has(path))?.split('/')[0] ?? 'none';
}
const listed = async (stowage: Stowage, query = '') => {
  const groups = await jsonOf<Record<string, { name: string; type: string }[]>>(
    stowage.fetch(`/api/channels${query}`),
  );
  return Object.entries(groups).flatMap(([group, channels]) =>
    channels.map(({ name, type }) => `${group}/${name}/${type}`),
  );
};

describe('a broken channel', () => {
  let stowage: Stowage;
  beforeAll(async () => {
    const channels = [await deadS3('broken'), { type: 'local' }];
    stowage = await startStowage({ config: { channels } });
  });
  afterAll(() => stowage?.stop());

  it.each([
    ['small', 10],
    ['large', 20_000_000],
  ])('leaves a %s file to the next one, with the same bytes', async (_, size) => {
    const bytes = pseudoRandomBytes(size);
    const response = await upload(stowage, '?uploadChannel=s3', { bytes, name: 'kept.bin' });
    expect(response.status).toBe(200);
    const src = await srcOf(response);
    expect((await read(stowage, src)).equals(bytes)).toBe(true);
    const range = await stowage.fetch(src, { headers: { range: 'bytes=5-8' } });
    expect(Buffer.from(await range.arrayBuffer()).equals(bytes.subarray(5, 9))).toBe(true);
  });

  it('does so as the default channel, and by name', async () => {
    for (const query of ['', '?channelName=broken', '?uploadChannel=s3&channelName=broken']) {
      expect(String(await read(stowage, await srcOf(upload(stowage, query))))).toBe('hello');
    }
  });

  it('says its own error when nothing else shall be tried', async () => {
    const response = await upload(stowage, '?uploadChannel=s3&autoRetry=false');
    expect(response.status).toBe(500);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toMatch(/^Error: Failed to upload to S3 - \S/);
  });

  it('leaves nothing in the spool', async () => {
    await eventually(async () =>
      expect((await storedObjects(stowage)).filter((path) => path.startsWith('spool'))).toEqual([]),
    );
  });

  it('keeps its secrets (T3)', async () => {
    const response = await upload(stowage, '?uploadChannel=s3&autoRetry=false');
    expect(await response.text()).not.toContain(canary);
    expect(await (await stowage.fetch('/api/channels?includeDisabled=true')).text()).not.toContain(
      canary,
    );
    expect(stowage.log.join('\n')).not.toContain(canary);
  });

  it('does not take chunked uploads down with it', async () => {
    const form = new URLSearchParams({
      originalFileName: 'a',
      originalFileType: 'a/b',
      totalChunks: '1',
    });
    const init = await stowage.fetch('/upload?initChunked=true&uploadChannel=s3', {
      method: 'POST',
      body: form,
    });
    const { uploadId } = await jsonOf<{ uploadId: string }>(init);
    const chunk = fileForm();
    for (const [name, value] of Object.entries({
      uploadId,
      chunkIndex: '0',
      totalChunks: '1',
      originalFileName: 'a',
      originalFileType: '',
    })) {
      chunk.append(name, value);
    }
    const response = await stowage.fetch('/upload?chunked=true', { method: 'POST', body: chunk });
    // A chunk that is not stored is never said to be.
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(await response.text()).toMatch(/^Error: Failed to upload chunk - /);
    const status = await jsonOf<{ uploadedChunks: number[] }>(
      stowage.fetch(`/upload/status?uploadId=${uploadId}`),
    );
    expect(status.uploadedChunks).toEqual([]);
  });
});

describe('when every channel fails', () => {
  it('each says why, in a JSON object sent as text with status 500', async () => {
    const stowage = await startStowage({
      config: { channels: [await deadS3('one'), await deadS3('two')] },
    });
    try {
      const response = await upload(stowage, '?uploadChannel=s3');
      expect(response.status).toBe(500);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      const answer = JSON.parse(await response.text());
      expect(answer).toMatchObject({
        S3: expect.stringMatching(/^Error: S3Error: Failed to upload to S3 - \S/),
        S3_retry: expect.stringMatching(/^Error: S3 retry - Error: Failed to upload to S3 - \S/),
        'S3/two': expect.stringMatching(/^Error: S3Error: Failed to upload to S3 - \S/),
        CloudflareR2: 'Error: CloudflareR2Error: No R2 channel provided',
        TelegramNew: 'Error: TelegramNewError: No Telegram channel provided',
        HuggingFace: 'Error: HuggingFaceError: No HuggingFace channel configured',
        WebDAV: 'Error: WebDAVError: No WebDAV channel configured',
        Discord: 'Error: DiscordError: No Discord channel configured',
      });
      await eventually(async () => expect(await storedObjects(stowage)).toEqual([]));
    } finally {
      await stowage.stop();
    }
  });

  it('a type that is not configured says so alone', async () => {
    const stowage = await startStowage();
    try {
      for (const [channel, text] of [
        ['telegram', 'Error: No Telegram channel provided'],
        ['s3', 'Error: No S3 channel provided'],
        ['discord', 'Error: No Discord channel configured'],
        ['huggingface', 'Error: No HuggingFace channel configured'],
        ['webdav', 'Error: No WebDAV channel configured'],
      ]) {
        const response = await upload(stowage, `?uploadChannel=${channel}&autoRetry=false`);
        expect([response.status, await response.text()]).toEqual([400, text]);
      }
      expect((await upload(stowage, '?uploadChannel=cfr2&autoRetry=false')).status).toBe(200);
    } finally {
      await stowage.stop();
    }
  });
});

describe('several channels', () => {
  let stowage: Stowage | undefined;
  afterEach(() => stowage?.stop());
  const local = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
    type: 'local',
    name,
    path: name,
    ...more,
  });
  const start = async (channels: readonly unknown[], routing = {}, dataDir?: string) => {
    stowage = await startStowage({
      config: { channels, routing },
      ...(dataDir !== undefined && { dataDir }),
    });
    return stowage;
  };

  it('are listed by type, and chosen by name; a wrong name means the first', async () => {
    const server = await start([local('one'), local('two'), { type: 'memory', name: 'mem' }]);
    expect(await listed(server)).toEqual([
      'local/one/Local',
      'local/two/Local',
      'memory/mem/Memory',
    ]);
    expect(await folderOf(server)).toBe('one');
    expect(await folderOf(server, '?channelName=two')).toBe('two');
    expect(await folderOf(server, '?uploadChannel=local&channelName=two')).toBe('two');
    expect(await folderOf(server, '?uploadChannel=cfr2&channelName=two')).toBe('two');
    for (const name of ['Two', 'three', 'two ']) {
      expect(await folderOf(server, `?channelName=${encodeURIComponent(name)}`)).toBe('one');
    }
    // Of another type: the type counts.
    expect(await folderOf(server, '?uploadChannel=local&channelName=mem')).toBe('one');
    const src = await srcOf(upload(server, '?uploadChannel=memory'));
    expect(String(await read(server, src))).toBe('hello');
  });

  it('have a default among them', async () => {
    const server = await start([local('one'), local('two')], { defaultChannel: 'two' });
    expect(await folderOf(server)).toBe('two');
    expect(await folderOf(server, '?channelName=one')).toBe('one');
    expect(await folderOf(server, '?uploadChannel=no-such-type')).toBe('two');
  });

  it('share the load by their weights', async () => {
    const server = await start([local('one', { weight: 9 }), local('two', { weight: 1 })], {
      loadBalance: true,
    });
    await Promise.all(
      Array.from({ length: 200 }, () => srcOf(upload(server, '?uploadChannel=local'))),
    );
    const objects = await storedObjects(server);
    const count = (name: string) => objects.filter((path) => path.startsWith(`${name}/`)).length;
    expect(count('one') + count('two')).toBe(200);
    // Ten standard deviations around 20.
    expect(count('two')).toBeGreaterThan(0);
    expect(count('two')).toBeLessThan(63);
    expect(await folderOf(server, '?uploadChannel=local&channelName=two')).toBe('two');
  });

  it('that are disabled take nothing, yet serve and delete what they hold', async () => {
    const data = await mkdtemp(join(tmpdir(), 'stowage-data-'));
    try {
      const before = await start([local('one'), local('two')], {}, data);
      const src = await srcOf(upload(before));
      await before.stop();
      const server = await start([local('one', { enabled: false }), local('two')], {}, data);
      expect(await listed(server)).toEqual(['local/two/Local']);
      expect(await listed(server, '?includeDisabled=true')).toEqual([
        'local/one/Local',
        'local/two/Local',
      ]);
      for (const query of ['', '?channelName=one', '?uploadChannel=local&channelName=one']) {
        expect(await folderOf(server, query)).toBe('two');
      }
      expect(String(await read(server, src))).toBe('hello');
      await server.fetch(`/api/manage/delete/${src.slice('/file/'.length)}`, { method: 'DELETE' });
      expect((await server.fetch(src)).status).toBe(404);
      await eventually(async () =>
        expect((await storedObjects(server)).filter((path) => path.startsWith('one/'))).toEqual([]),
      );
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  });

  it('that are gone from the configuration say so, and links live when they return', async () => {
    const data = await mkdtemp(join(tmpdir(), 'stowage-data-'));
    try {
      const before = await start([local('one', { id: 'fixed' }), local('two')], {}, data);
      const src = await srcOf(upload(before));
      await before.stop();
      const without = await start([local('two')], {}, data);
      const missing = await without.fetch(src);
      expect([missing.status, await missing.text()]).toEqual([
        503,
        expect.stringMatching(/^Error: .*no longer configured/),
      ]);
      await without.stop();
      // Renamed: the id is what counts.
      const server = await start(
        [local('two'), local('renamed', { id: 'fixed', path: 'one' })],
        {},
        data,
      );
      expect(String(await read(server, src))).toBe('hello');
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  });

  it('that are full leave their uploads to others until something is deleted', async () => {
    // 100,000 bytes, of which half may be used.
    const quota = { limitGB: 100_000 / 2 ** 30, threshold: 50 };
    const server = await start([local('one', { quota }), local('two')]);
    const bytes = pseudoRandomBytes(50_001);
    const src = await srcOf(upload(server, '', { bytes }));
    expect(await folderOf(server)).toBe('two');
    expect(await folderOf(server, '?uploadChannel=local&channelName=one')).toBe('two');
    expect(await listed(server)).toEqual(['local/two/Local']);
    expect(await listed(server, '?includeDisabled=true')).toContain('local/one/Local');
    expect((await read(server, src)).equals(bytes)).toBe(true);
    await server.fetch(`/api/manage/delete/${src.slice('/file/'.length)}`, { method: 'DELETE' });
    expect(await folderOf(server)).toBe('one');
  });

  it('fall back in the configured order', async () => {
    const server = await start(
      [await deadS3('broken'), local('one'), { type: 'memory', name: 'mem' }, local('two')],
      {
        fallbackOrder: ['mem', 'two'],
      },
    );
    expect(await folderOf(server, '?uploadChannel=s3')).toBe('none');
    expect(await folderOf(server, '?uploadChannel=memory')).toBe('none');
    expect(await folderOf(server, '?uploadChannel=local')).toBe('one');
  });

  it('are tried within their own type too', async () => {
    const server = await start([await deadS3('broken'), local('one')], {
      fallbackOrder: ['two'],
      defaultChannel: 'broken',
    }).catch((error: Error) => error);
    expect(String(server)).toContain('"two"');
  });
});
