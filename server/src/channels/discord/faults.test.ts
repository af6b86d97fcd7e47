import { describe, expect, it } from 'vitest';
import {
  bufferOf,
  neverAborted,
  newKey,
  newSample,
  putSample,
  putWithRetries,
  read,
} from '../../../test/emulators/channel-kit.ts';
import type { DiscordEmulator } from '../../../test/emulators/discord/emulator.ts';
import { discordScene } from '../../../test/emulators/discord/scene.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';

const megabyte = 1_000_000;
const dayMs = 86_400_000;
const calls = (emulator: DiscordEmulator, name: string) =>
  emulator.calls.filter(({ call }) => call === name).length;

const beforeStoring: readonly Fault[] = [
  { kind: 'status', status: 502, when: 'before' },
  {
    kind: 'status',
    status: 500,
    when: 'before',
    body: '{"message":"500: Internal Server Error","code":0}',
  },
  { kind: 'status', status: 404, when: 'before' },
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'mid-body' },
  { kind: 'wrong-json', when: 'before' },
];
const afterStoring: readonly Fault[] = [
  { kind: 'status', status: 500, when: 'after' },
  { kind: 'reset', when: 'after' },
  { kind: 'wrong-json', when: 'after' },
];

describe('Discord going wrong while storing', () => {
  it.each(beforeStoring.map((fault) => [JSON.stringify(fault), fault] as const))(
    '%s: said honestly, cured by another try',
    async (_, fault) => {
      const { channel, emulator } = await discordScene();
      const sample = newSample(megabyte);
      emulator.faults.add('POST message', fault, 2);
      await expect(putSample(channel, sample)).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
      expect(emulator.messages.size).toBe(0);
      const { ref } = await putWithRetries(channel, sample);
      expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
      expect(emulator.messages.size).toBe(1);
    },
  );

  it.each(afterStoring.map((fault) => [JSON.stringify(fault), fault] as const))(
    '%s: another try finds the message, nothing is stored twice',
    async (_, fault) => {
      const { channel, emulator } = await discordScene();
      const sample = newSample(megabyte);
      emulator.faults.add('POST message', fault);
      const { ref } = await putWithRetries(channel, sample);
      expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
      expect(emulator.messages.size).toBe(1);
      expect(calls(emulator, 'POST message')).toBe(2);
    },
  );

  it('one key in two channels of one bot is two messages', async () => {
    const channelIds = ['1100000000000000001', '1100000000000000002'];
    const { emulator, open } = await discordScene({ channelIds });
    const key = newKey();
    for (const channelId of channelIds) {
      await putSample(open({ channelId }), newSample(100), { key });
    }
    expect([...emulator.messages.values()].map(({ channelId }) => channelId)).toEqual(channelIds);
  });

  it('an abort while the answer is awaited lets the caller go, removes what was stored, and the key can be used again', async () => {
    const { channel, emulator } = await discordScene();
    emulator.faults.add('POST message', { kind: 'slow', ms: 100 });
    const controller = new AbortController();
    const key = newKey();
    const put = putSample(channel, newSample(1000), { signal: controller.signal, key });
    setTimeout(() => controller.abort(new Error('gone')), 40);
    await expect(put).rejects.toThrow('gone');
    await expect.poll(() => calls(emulator, 'DELETE message')).toBe(1);
    expect(emulator.messages.size).toBe(0);
    await putSample(channel, newSample(1000), { key });
    expect(emulator.messages.size).toBe(1);
  });

  it('a message deleted between two tries gets a new one', async () => {
    const { channel, emulator, open } = await discordScene();
    const key = newKey();
    const sample = newSample(100);
    const { ref } = await putSample(channel, sample, { key });
    await channel.delete(ref, { signal: neverAborted });
    const other = open();
    await expect(putSample(other, sample, { key })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    await putSample(other, sample, { key });
    expect(emulator.messages.size).toBe(1);
  });

  it.each([
    [{ status: 413, body: '{"message":"Request entity too large","code":40005}' }, 'too_large'],
    [
      { status: 403, body: '{"message":"Missing Permissions","code":50013}' },
      'channel_unauthorized',
    ],
    [{ status: 401, body: '{"message":"401: Unauthorized","code":0}' }, 'channel_unauthorized'],
    [{ status: 404, body: '{"message":"Unknown Channel","code":10003}' }, 'not_found'],
    [{ status: 400, body: '{"message":"Invalid Form Body","code":50035}' }, 'channel_refused'],
    [
      { status: 429, body: 'error code: 1015', headers: { 'retry-after': '3' } },
      'channel_rate_limited',
    ],
  ])('%j -> %s', async (answer, code) => {
    const { channel, emulator } = await discordScene();
    emulator.faults.add('POST message', { kind: 'status', when: 'before', ...answer });
    await expect(putSample(channel, newSample(10))).rejects.toMatchObject({
      code,
      ...(code === 'channel_rate_limited' && { retryAfterMs: 3000 }),
    });
  });

  it('an empty file is stored, although Discord takes none', async () => {
    const { channel, emulator } = await discordScene();
    const { ref, size } = await putSample(channel, newSample(0));
    expect(size).toBe(0);
    expect(await read(channel, ref)).toHaveLength(0);
    await channel.delete(ref, { signal: neverAborted });
    expect(emulator.messages.size).toBe(0);
  });
});

describe('Discord going wrong while reading', () => {
  it('uses the address from the upload, then asks once per address', async () => {
    const { channel, emulator, open } = await discordScene();
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    await read(channel, ref);
    expect(calls(emulator, 'GET message')).toBe(0);
    const other = open();
    for (let times = 0; times < 3; times++) {
      await read(other, ref);
    }
    expect(calls(emulator, 'GET message')).toBe(1);
  });

  it('asks anew when the address has expired, by our clock or by surprise', async () => {
    let now = 0;
    const { channel, emulator } = await discordScene({}, { now: () => now });
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    now += dayMs;
    await read(channel, ref);
    expect([calls(emulator, 'GET message'), calls(emulator, 'download')]).toEqual([1, 1]);
    emulator.advance(2 * dayMs);
    expect(
      (await read(channel, ref, { start: 1, end: 5 })).equals(bufferOf(sample).subarray(1, 6)),
    ).toBe(true);
    expect([calls(emulator, 'GET message'), calls(emulator, 'download')]).toEqual([2, 3]);
  });

  it.each([
    ['a day ahead', dayMs],
    ['a day behind', -dayMs],
  ])('our clock being %s changes nothing', async (_, skewMs) => {
    const { channel, emulator } = await discordScene({}, { wallNow: () => Date.now() + skewMs });
    const { ref } = await putSample(channel, newSample(1000));
    for (let times = 0; times < 3; times++) {
      await read(channel, ref);
    }
    expect([calls(emulator, 'GET message'), calls(emulator, 'download')]).toEqual([0, 3]);
  });

  it('reads ranges from a server that ignores them', async () => {
    const { channel } = await discordScene({ ignoreRange: true });
    const sample = newSample(3 * megabyte);
    const { ref } = await putSample(channel, sample);
    const range = { start: 1_234_567, end: 2_345_678 };
    expect(
      (await read(channel, ref, range)).equals(
        bufferOf(sample).subarray(range.start, range.end + 1),
      ),
    ).toBe(true);
  });

  it('downloads through the proxy, without the bot token', async () => {
    const { channel, open, emulator } = await discordScene();
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    const { createServer } = await import('node:http');
    const seen: { url: string | undefined; authorization: string | undefined }[] = [];
    const proxy = createServer(async (request, response) => {
      seen.push({ url: request.url, authorization: request.headers.authorization });
      const answer = await fetch(
        `${new URL(emulator.url).origin}${request.url?.replace('/cdn', '')}`,
      );
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    try {
      const proxied = open({ proxyUrl: `http://127.0.0.1:${port}/cdn` });
      expect((await read(proxied, ref)).equals(bufferOf(sample))).toBe(true);
      expect(seen).toEqual([
        {
          url: expect.stringMatching(/^\/cdn\/attachments\/\d+\/\d+\/.+\?ex=/),
          authorization: undefined,
        },
      ]);
    } finally {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });

  it.each([
    ['a 404 on an address just given', { kind: 'status', status: 404, when: 'before' } as const, 2],
    ['5xx', { kind: 'status', status: 503, when: 'before' } as const, 1],
    ['a reset', { kind: 'reset', when: 'before' } as const, 1],
    ['an answer cut short', { kind: 'cut' } as const, 1],
  ])('%s is channel_unavailable and passes', async (_, fault, times) => {
    const { channel, emulator } = await discordScene();
    const sample = newSample(megabyte);
    const { ref } = await putSample(channel, sample);
    emulator.faults.add('download', fault, times);
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'channel_unavailable' });
    expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
  });

  it('a file deleted behind our back is not_found, and so is a ref of something else', async () => {
    const { channel, open } = await discordScene();
    const { ref } = await putSample(channel, newSample(10));
    await open().delete(ref, { signal: neverAborted });
    for (const gone of [
      ref,
      null,
      'text',
      {},
      { channelId: '../..', messageId: '1', attachmentId: '1', size: 1 },
    ]) {
      await expect(read(channel, gone)).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});

describe('Discord check', () => {
  it('is content with a bot that may send, and stores nothing', async () => {
    const { channel, emulator } = await discordScene();
    await channel.check({ signal: neverAborted });
    expect(emulator.messages.size).toBe(0);
  });

  it('says what is wrong', async () => {
    const { open } = await discordScene();
    await expect(open({ botToken: 'wrong' }).check({ signal: neverAborted })).rejects.toMatchObject(
      {
        code: 'channel_unauthorized',
      },
    );
    await expect(open({ channelId: '42' }).check({ signal: neverAborted })).rejects.toMatchObject({
      message: expect.stringContaining('Unknown Channel'),
    });
  });
});
