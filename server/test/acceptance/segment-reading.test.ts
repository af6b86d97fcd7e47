import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discordBackend, telegramBackend } from './backends.ts';
import { type BigFile, big, slice, videoFile } from './big-file.ts';
import { type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';

const mebibyte = 2 ** 20;
const slowMs = 1500;

let folder: string;
let stowage: Stowage;
let user: CurlUser;
let video: BigFile;
let telegram: Awaited<ReturnType<typeof telegramBackend>>;
let discord: Awaited<ReturnType<typeof discordBackend>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-segments-'));
  video = await videoFile(folder, (big ? 1024 : 64) * mebibyte + 4321);
  telegram = await telegramBackend({ latencyMs: 20 });
  discord = await discordBackend({ latencyMs: 20 });
  stowage = await startStowage({ config: { channels: [telegram.channel, discord.channel] } });
  user = curlUser(stowage, folder);
});

afterAll(async () => {
  await stowage?.stop();
  await Promise.all([telegram?.stop(), discord?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const services = {
  telegram: {
    segmentBytes: 16 * mebibyte,
    faults: () => telegram.emulator.faults,
    downloads: () => telegram.emulator.calls.filter(({ method }) => method === 'download').length,
  },
  discord: {
    segmentBytes: 9 * mebibyte,
    faults: () => discord.emulator.faults,
    downloads: () => discord.emulator.calls.filter(({ call }) => call === 'download').length,
  },
} as const;

describe.each(['telegram', 'discord'] as const)('a segmented file on %s', (group) => {
  const { segmentBytes, faults, downloads } = services[group];
  let src: string;

  beforeAll(async () => {
    src = await user.upload(`uploadChannel=${group}&autoRetry=false`, {
      path: video.path,
      type: 'video/mp4',
    });
  }, 300_000);

  it('starts to be answered before its second segment is there', async () => {
    const before = downloads();
    // `slow` holds the answer to the second request for a segment back, whenever that comes.
    faults().add('download', { kind: 'slow', ms: 0 });
    faults().add('download', { kind: 'slow', ms: slowMs });
    const startedAt = performance.now();
    const answer = await open(src);
    const [first] = (await once(answer, 'data')) as [Buffer];
    expect(performance.now() - startedAt).toBeLessThan(slowMs);
    expect(downloads() - before).toBe(1);
    answer.pause();
    expect(first.equals(await slice(video.path, 0, first.length - 1))).toBe(true);
    // although nobody reads on: the second one is fetched ahead of its turn, the third one is not
    await expect.poll(() => downloads() - before, { interval: 20 }).toBe(2);
    answer.destroy();
  });

  it('is sought into by one request', async () => {
    const start = Math.floor(video.sizeBytes / segmentBytes / 2) * segmentBytes + 1234;
    const before = downloads();
    const { status, bytes } = await user.range(src, `${start}-${start + 999_999}`);
    expect(status).toBe(206);
    expect(bytes.equals(await slice(video.path, start, start + 999_999))).toBe(true);
    expect(downloads() - before).toBe(1);
  });

  it('gives a range over a border by two requests', async () => {
    const before = downloads();
    const { bytes } = await user.range(src, `${segmentBytes - 10}-${segmentBytes + 9}`);
    expect(bytes.equals(await slice(video.path, segmentBytes - 10, segmentBytes + 9))).toBe(true);
    expect(downloads() - before).toBe(2);
  });

  it('costs the backend nothing for HEAD, 304 and 416', async () => {
    const before = downloads();
    const head = await user.call(src, '-I');
    expect((await user.call(src, '-H', `If-None-Match: ${head.headers.get('etag')}`)).status).toBe(
      304,
    );
    expect((await user.range(src, `${video.sizeBytes}-`)).status).toBe(416);
    expect(downloads() - before).toBe(0);
  });

  it('is left alone soon after its reader has gone', async () => {
    const before = downloads();
    const answer = await open(src);
    await once(answer, 'data');
    answer.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // the segment that was read, and the one fetched ahead
    expect(downloads() - before).toBeLessThanOrEqual(2);
  });

  it('goes on where a segment broke off', async () => {
    faults().add('download', { kind: 'cut' });
    const { status, bytes } = await user.range(src, `0-${2 * segmentBytes}`);
    expect(status).toBe(206);
    expect(bytes.equals(await slice(video.path, 0, 2 * segmentBytes))).toBe(true);
  });
});

function open(src: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpGet(new URL(src, stowage.url), { agent: false }, resolve).on('error', reject);
  });
}
