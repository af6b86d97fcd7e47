import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Backend, discordBackend, telegramBackend, unhurried } from './backends.ts';
import { big, sha256Of, videoFile } from './big-file.ts';
import { type Stowage, startStowage } from './harness.ts';
import { curlUser } from './http-by-curl.ts';
import { fixture } from './media-client.ts';
import { eventually, fileForm, jsonOf } from './requests.ts';

const mebibyte = 2 ** 20;
const pictures = 100;

let stowage: Stowage | undefined;
let telegram: Awaited<ReturnType<typeof telegramBackend>> | undefined;

afterEach(async () => {
  await stowage?.stop();
  await telegram?.stop();
});

/** Telegram takes so many messages; Stowage believes the second. */
async function start(
  limit: NonNullable<Parameters<typeof telegramBackend>[0]>,
  settings: Readonly<Record<string, unknown>>,
): Promise<{ stowage: Stowage; telegram: NonNullable<typeof telegram> }> {
  telegram = await telegramBackend(limit, settings);
  stowage = await startStowage({ config: { channels: [telegram.channel, { type: 'local' }] } });
  return { stowage, telegram };
}

/** A picture like no other: its bytes tell which one it is. */
function picture(number: number): Buffer<ArrayBuffer> {
  return Buffer.concat([fixture('photo.jpg'), Buffer.from(`picture ${number}`)]);
}

interface Outcome {
  readonly number: number;
  readonly status: number;
  readonly src: string;
}

async function drop(to: Stowage, number: number, signal?: AbortSignal): Promise<Outcome> {
  const response = await to.fetch(
    '/upload?uploadChannel=telegram&serverCompress=false&autoRetry=false',
    {
      method: 'POST',
      body: fileForm({ bytes: picture(number), name: `picture-${number}.jpg`, type: 'image/jpeg' }),
      ...(signal && { signal }),
    },
  );
  const text = await response.text();
  return { number, status: response.status, src: response.ok ? JSON.parse(text)[0].src : text };
}

async function expectAllThere(
  server: Stowage,
  outcomes: readonly Outcome[],
  messages: number,
): Promise<void> {
  expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
  expect(new Set(outcomes.map(({ src }) => src)).size).toBe(outcomes.length);
  expect(messages).toBe(outcomes.length);
  for (const { number, src } of outcomes) {
    const bytes = Buffer.from(await (await server.fetch(src)).arrayBuffer());
    expect(bytes.equals(picture(number)), `picture ${number}`).toBe(true);
  }
}

const statuses = (method: string) =>
  telegram?.emulator.calls.filter((call) => call.method === method).map(({ status }) => status) ??
  [];

describe('100 pictures dropped at once on a Telegram channel', () => {
  const all = Array.from({ length: pictures }, (_, number) => number);

  it('that takes 25 a second: all arrive, at that pace, and Telegram never has to refuse one', async () => {
    // two full seconds may meet where messages arrive
    const { stowage, telegram } = await start(
      { pace: { perSecond: 50 } },
      { messagesPerSecond: 25, messagesPerMinute: 0 },
    );
    const startedAt = performance.now();
    const outcomes = await Promise.all(all.map((number) => drop(stowage, number)));
    expect(performance.now() - startedAt).toBeGreaterThan(3000);
    expect(statuses('sendDocument').filter((status) => status !== 200)).toEqual([]);
    await expectAllThere(stowage, outcomes, telegram.emulator.messages.size);
  });

  it('that takes fewer than we think: its 429 and retry_after are obeyed', {
    timeout: 60_000,
  }, async () => {
    const { stowage, telegram } = await start({ pace: { perSecond: 20 } }, unhurried);
    const outcomes = await Promise.all(all.map((number) => drop(stowage, number)));
    expect(statuses('sendDocument')).toContain(429);
    await expectAllThere(stowage, outcomes, telegram.emulator.messages.size);
  });

  it.skipIf(!big)(
    'in a group at the real 20 a minute (with STOWAGE_TEST_BIG=1 only)',
    { timeout: 600_000 },
    async () => {
      const { stowage, telegram } = await start({ pace: { perSecond: 2, perMinute: 20 } }, {});
      const folder = await mkdtemp(join(tmpdir(), 'stowage-pictures-'));
      try {
        // curl has the patience: the last one waits for five minutes
        const user = curlUser(stowage, folder);
        const outcomes = await Promise.all(
          all.map(async (number) => {
            const path = join(folder, `picture-${number}.jpg`);
            await writeFile(path, picture(number));
            const query = 'uploadChannel=telegram&serverCompress=false&autoRetry=false';
            return {
              number,
              status: 200,
              src: await user.upload(query, { path, type: 'image/jpeg' }),
            };
          }),
        );
        // the seconds of two clocks never agree entirely
        expect(statuses('sendDocument').filter((status) => status !== 200).length).toBeLessThan(5);
        await expectAllThere(stowage, outcomes, telegram.emulator.messages.size);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  it('readers are served meanwhile', async () => {
    const { stowage } = await start(
      { pace: { perSecond: 10 } },
      { messagesPerSecond: 10, messagesPerMinute: 0 },
    );
    const first = await drop(stowage, 1000);
    const dropped = all.slice(0, 40).map((number) => drop(stowage, number));
    const startedAt = performance.now();
    for (let reads = 0; reads < 10; reads++) {
      expect((await stowage.fetch(first.src)).status).toBe(200);
    }
    expect(performance.now() - startedAt).toBeLessThan(3000);
    await Promise.all(dropped);
  });

  it('callers who hang up in the queue get nothing stored; those who got an answer got the truth', async () => {
    const { stowage, telegram } = await start(
      { pace: { perSecond: 20 } },
      { messagesPerSecond: 20, messagesPerMinute: 0 },
    );
    const impatient = AbortSignal.timeout(1000);
    const results = await Promise.allSettled(
      all
        .slice(0, 60)
        .map((number) => drop(stowage, number, number % 2 === 0 ? impatient : undefined)),
    );
    const answered = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    expect(answered.length).toBeGreaterThanOrEqual(30);
    expect(answered.length).toBeLessThan(60);
    await eventually(async () => {
      const { total } = (await jsonOf<{ data: { total: number } }>(stowage.fetch('/media'))).data;
      expect(total).toBeGreaterThanOrEqual(answered.length);
      expect(telegram.emulator.messages.size).toBe(total);
    });
    await expectReadable(stowage, answered);
  });

  it('and a crash in the middle: what was answered is there, once', async () => {
    const { stowage } = await start(
      { pace: { perSecond: 20 } },
      { messagesPerSecond: 20, messagesPerMinute: 0 },
    );
    const ten = Promise.withResolvers<void>();
    let answers = 0;
    const results = all.slice(0, 60).map(async (number) => {
      const outcome = await drop(stowage, number);
      answers += 1;
      if (answers === 10) {
        ten.resolve();
      }
      return outcome;
    });
    const settled = Promise.allSettled(results);
    await ten.promise;
    await stowage.crash();
    const answered = (await settled).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    expect(answered.length).toBeGreaterThanOrEqual(10);
    expect(answered.length).toBeLessThan(60);
    const { total } = (await jsonOf<{ data: { total: number } }>(stowage.fetch('/media'))).data;
    expect(total).toBeGreaterThanOrEqual(answered.length);
    await expectReadable(stowage, answered);
  });
});

async function expectReadable(server: Stowage, outcomes: readonly Outcome[]): Promise<void> {
  for (const { number, src, status } of outcomes) {
    expect(status).toBe(200);
    const bytes = Buffer.from(await (await server.fetch(src)).arrayBuffer());
    expect(bytes.equals(picture(number)), `picture ${number}`).toBe(true);
  }
}

describe('ten large transfers at once on a channel of segments', () => {
  const transfers = 10;
  const sizeBytes = (big ? 200 : 30) * mebibyte + 77;
  // The goal is 200 MiB; the very first start, which compiles all sources, takes some 20 more.
  const limitBytes = 230 * mebibyte;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-memory-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(['telegram', 'discord'] as const)(
    '%s: bounded memory',
    { timeout: 600_000 },
    async (group) => {
      const video = await videoFile(folder, sizeBytes);
      const backend: Backend = await {
        telegram: () => telegramBackend({ latencyMs: 20 }),
        discord: () => discordBackend({ latencyMs: 20 }),
      }[group]();
      stowage = await startStowage({ config: { channels: [backend.channel] } });
      try {
        const user = curlUser(stowage, folder);
        const each = async <T>(work: (index: number) => Promise<T>) =>
          Promise.all(Array.from({ length: transfers }, (_, index) => work(index)));
        const sources = await each(() =>
          user.upload(`uploadChannel=${group}&autoRetry=false`, {
            path: video.path,
            type: 'video/mp4',
          }),
        );
        const afterUploads = await stowage.peakRssBytes();
        await each(async (index) => {
          const to = join(folder, `back-${index}`);
          await user.download(sources[index] ?? '', to);
          expect(await sha256Of(to)).toBe(video.sha256);
          await rm(to);
        });
        const atEnd = await stowage.peakRssBytes();
        const mib = (bytes: number) => Math.round(bytes / mebibyte);
        console.log(
          `${group}: ${transfers} x ${mib(sizeBytes)} MiB: peak ${mib(afterUploads)} MiB after uploads, ${mib(atEnd)} MiB after downloads`,
        );
        expect(atEnd).toBeLessThan(limitBytes);
      } finally {
        await stowage.stop();
        await backend.stop();
      }
    },
  );
});
