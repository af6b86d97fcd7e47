import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3Missing } from '../services/s3.ts';
import { davMissing } from '../services/webdav.ts';
import {
  type Backend,
  cloudflareBackend,
  discordBackend,
  huggingfaceBackend,
  localBackend,
  s3Backends,
  telegramBackend,
  webdavBackend,
} from './backends.ts';
import { type BigFile, big, sha256Of, slice, videoFile } from './big-file.ts';
import { type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { fixture, fixturePath } from './media-client.ts';
import { eventually } from './requests.ts';

const mebibyte = 2 ** 20;
const bigBytes = (big ? 200 : 40) * mebibyte + 12_345;

/** Reasons why one of the values of `uploadChannel` cannot be tested here. */
const missing: Readonly<Record<string, string | undefined>> = {
  s3: s3Missing,
  cfr2: s3Missing,
  webdav: davMissing('apache'),
};
const groups = [
  'local',
  's3',
  'cfr2',
  'telegram',
  'discord',
  'huggingface',
  'webdav',
  'cloudflare_images',
] as const;
type Group = (typeof groups)[number];

let folder: string;
let stowage: Stowage;
let user: CurlUser;
let video: BigFile;
let telegram: Awaited<ReturnType<typeof telegramBackend>>;
let discord: Awaited<ReturnType<typeof discordBackend>>;
let s3: Awaited<ReturnType<typeof s3Backends>> | undefined;
const backends = new Map<Group, Backend>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-every-channel-'));
  video = await videoFile(folder, bigBytes);
  telegram = await telegramBackend();
  discord = await discordBackend();
  s3 = s3Missing === undefined ? await s3Backends(['s3', 'cfr2']) : undefined;
  const [s3Backend, r2Backend] = s3?.backends ?? [];
  backends.set(
    'local',
    localBackend(() => stowage.dataDir),
  );
  if (s3Backend) {
    backends.set('s3', s3Backend);
  }
  if (r2Backend) {
    backends.set('cfr2', r2Backend);
  }
  backends.set('telegram', telegram);
  backends.set('discord', discord);
  backends.set('huggingface', await huggingfaceBackend());
  if (missing.webdav === undefined) {
    backends.set('webdav', await webdavBackend());
  }
  backends.set('cloudflare_images', await cloudflareBackend());
  const second = { ...telegram.channel, name: 'second' };
  stowage = await startStowage({
    config: { channels: [...[...backends.values()].map(({ channel }) => channel), second] },
  });
  user = curlUser(stowage, folder);
});

afterAll(async () => {
  await stowage?.stop();
  await Promise.all([...backends.values()].map((backend) => backend.stop()));
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
});

function backendOf(group: Group): Backend {
  const backend = backends.get(group);
  if (backend === undefined) {
    throw new Error(`no backend ${group}`);
  }
  return backend;
}

function upload(
  group: Group,
  file: { path: string; type: string; name: string },
  query = '',
): Promise<string> {
  return user.upload(`uploadChannel=${group}&autoRetry=false${query}`, file);
}

/** As an owner deletes: finds the file in the library, then removes it by its id. */
async function removeFromLibrary(filename: string): Promise<void> {
  const listed = JSON.parse((await user.call('/media?limit=100')).text).data.media as {
    id: string;
    filename: string;
  }[];
  const found = listed.filter((media) => media.filename === filename);
  expect(found).toHaveLength(1);
  const answer = await user.call(`/media/${found[0]?.id}`, '-X', 'DELETE');
  expect(answer.status).toBe(200);
}

const photo = { path: fixturePath('photo.jpg'), type: 'image/jpeg' };

describe.each(groups)('%s', (group) => {
  const reason = missing[group];

  it.skipIf(reason)(
    `the photo comes back byte by byte, with ranges and HEAD, and is gone after deletion${because(reason)}`,
    async () => {
      const backend = backendOf(group);
      const before = await backend.stored();
      const name = `photo-${group}.jpg`;
      const src = await upload(group, { ...photo, name }, '&serverCompress=false');
      expect(await backend.stored()).toBe(before + 1);

      const bytes = fixture('photo.jpg');
      const to = join(folder, 'photo-back.jpg');
      const got = await user.download(src, to);
      expect(got.status).toBe(200);
      expect(await readFile(to)).toEqual(bytes);
      expect(got.headers.get('content-type')).toBe('image/jpeg');
      const head = await user.call(src, '-I');
      expect(head.headers.get('content-length')).toBe(String(bytes.length));
      for (const header of ['content-type', 'etag', 'accept-ranges', 'content-disposition']) {
        expect(head.headers.get(header)).toBe(got.headers.get(header));
      }
      expect(await user.range(src, '100-299')).toEqual({
        status: 206,
        bytes: bytes.subarray(100, 300),
      });
      expect(await user.range(src, '-50')).toEqual({ status: 206, bytes: bytes.subarray(-50) });
      expect((await user.range(src, `${bytes.length}-`)).status).toBe(416);

      await removeFromLibrary(name);
      expect((await user.call(src)).status).toBe(404);
      await eventually(async () => expect(await backend.stored()).toBe(before));
    },
  );

  const bigReason =
    reason ?? (group === 'cloudflare_images' ? 'it takes pictures only' : undefined);
  it.skipIf(bigReason)(
    `a video of ${bigBytes >> 20} MiB likewise, ranges across its segments${because(bigReason)}`,
    { timeout: 120_000 },
    async () => {
      const backend = backendOf(group);
      const before = await backend.stored();
      const name = `video-${group}.mp4`;
      const src = await upload(group, { path: video.path, type: 'video/mp4', name });

      const to = join(folder, `back-${group}.mp4`);
      expect((await user.download(src, to)).status).toBe(200);
      expect(await sha256Of(to)).toBe(video.sha256);
      await rm(to);
      const head = await user.call(src, '-I');
      expect(head.headers.get('content-length')).toBe(String(video.sizeBytes));
      expect(head.headers.get('content-type')).toBe('video/mp4');
      for (const border of [8, 9, 16, 18, 32].map((count) => count * mebibyte)) {
        expect(await partOf(src, border - 70_000, border + 70_000)).toBe('same');
      }
      expect(await partOf(src, 8 * mebibyte, 33 * mebibyte)).toBe('same');
      expect(await partOf(src, video.sizeBytes - 1, video.sizeBytes - 1)).toBe('same');

      expect((await user.call(`/api/manage/delete/${src.slice('/file/'.length)}`)).status).toBe(
        200,
      );
      expect((await user.call(src)).status).toBe(404);
      await eventually(async () => expect(await backend.stored()).toBe(before));
    },
  );
});

async function partOf(src: string, start: number, end: number): Promise<string> {
  const { status, bytes } = await user.range(src, `${start}-${end}`);
  if (status !== 206) {
    return `status ${status}`;
  }
  return bytes.equals(await slice(video.path, start, end)) ? 'same' : `${bytes.length} other bytes`;
}

describe('Telegram', () => {
  it('recompresses a picture unless serverCompress says no', async () => {
    const sent = () =>
      telegram.emulator.calls
        .map(({ method }) => method)
        .filter((method) => method.startsWith('send'));
    const before = sent().length;
    const plain = await upload(
      'telegram',
      { ...photo, name: 'plain.jpg' },
      '&serverCompress=false',
    );
    const small = await upload('telegram', { ...photo, name: 'small.jpg' });
    expect(sent().slice(before)).toEqual(['sendDocument', 'sendPhoto']);
    const length = async (src: string) =>
      Number((await user.call(src, '-I')).headers.get('content-length'));
    expect(await length(plain)).toBe(fixture('photo.jpg').length);
    const to = join(folder, 'small.jpg');
    expect((await user.download(small, to)).status).toBe(200);
    expect((await readFile(to)).length).toBe(await length(small));
  });

  it('a channel is chosen by its name', async () => {
    const channels = JSON.parse((await user.call('/api/channels')).text);
    expect(channels.telegram.map(({ name }: { name: string }) => name)).toEqual([
      'telegram',
      'second',
    ]);
    const src = await user.upload('channelName=second&autoRetry=false', {
      ...photo,
      name: 'named.jpg',
    });
    expect((await user.call(src, '-I')).status).toBe(200);
    const answer = await user.call('/metrics');
    expect(answer.text).toMatch(/channel="second",operation="put"/);
  });
});

it('Cloudflare Images says that a file which is no picture is at fault', async () => {
  const path = join(folder, 'no-picture.txt');
  await writeFile(path, 'text');
  const form = ['-F', `file=@${path};type=text/plain`];
  const { status, text } = await user.call(
    '/upload?uploadChannel=cloudflare_images&autoRetry=false',
    ...form,
  );
  expect([status, text]).toEqual([
    415,
    expect.stringMatching(/^Error: Cloudflare Images upload failed - \S/),
  ]);
});

describe('no secret shows', () => {
  it('in any answer, log line or row', async () => {
    const secrets = [...backends.values()].flatMap((backend) => backend.secrets);
    expect(secrets.length).toBeGreaterThan(5);
    for (const path of [
      '/api/channels?includeDisabled=true',
      '/media?limit=100',
      '/metrics',
      '/openapi.json',
      '/healthz',
    ]) {
      await user.call(path);
    }
    const rows = await readMetadata();
    for (const secret of secrets) {
      expect(user.heard.filter((text) => text.includes(secret))).toEqual([]);
      expect(stowage.log.filter((line) => line.includes(secret))).toEqual([]);
      expect(rows.some((bytes) => bytes.includes(secret))).toBe(false);
    }
  });
});

async function readMetadata(): Promise<readonly Buffer[]> {
  const names = (await readdir(stowage.dataDir)).filter((name) => /\.(db|sqlite)/.test(name));
  expect(names).not.toEqual([]);
  return Promise.all(names.map((name) => readFile(join(stowage.dataDir, name))));
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (${reason})`;
}
