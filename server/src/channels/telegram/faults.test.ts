import { describe, expect, it } from 'vitest';
import {
  bufferOf,
  neverAborted,
  newSample,
  putSample,
  putWithRetries,
  read,
} from '../../../test/emulators/channel-kit.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';
import { telegramScene } from '../../../test/emulators/telegram/scene.ts';

const megabyte = 1_000_000;
const calls = (emulator: { calls: readonly { method: string }[] }, method: string) =>
  emulator.calls.filter((call) => call.method === method).length;

const beforeStoring: readonly Fault[] = [
  { kind: 'status', status: 502, when: 'before' },
  {
    kind: 'status',
    status: 504,
    when: 'before',
    body: '{"ok":false,"error_code":504,"description":"Gateway Timeout"}',
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

describe('Telegram going wrong while storing', () => {
  it.each(beforeStoring.map((fault) => [JSON.stringify(fault), fault] as const))(
    '%s: said honestly, cured by another try',
    async (_, fault) => {
      const { channel, emulator } = await telegramScene();
      const sample = newSample(megabyte);
      emulator.faults.add('sendDocument', fault, 2);
      await expect(putSample(channel, sample)).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
      expect(emulator.messages.size).toBe(0);
      const { ref } = await putWithRetries(channel, sample);
      expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
      expect(emulator.messages.size).toBe(1);
    },
  );

  // The Bot API cannot be asked what was stored: a lost answer leaves a message nobody points to,
  // and the file is stored once more
  it.each(afterStoring.map((fault) => [JSON.stringify(fault), fault] as const))(
    '%s: sent once per try, never by the driver itself',
    async (_, fault) => {
      const { channel, emulator } = await telegramScene();
      emulator.faults.add('sendDocument', fault);
      await expect(putSample(channel, newSample(1000))).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
      expect(calls(emulator, 'sendDocument')).toBe(1);
    },
  );

  it('429 tells how long to wait, and holds the channel meanwhile', async () => {
    const { channel, emulator } = await telegramScene();
    const body =
      '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}';
    emulator.faults.add('sendDocument', { kind: 'status', status: 429, when: 'before', body });
    const startedAt = performance.now();
    await expect(putSample(channel, newSample(10))).rejects.toMatchObject({
      code: 'channel_rate_limited',
      retryAfterMs: 1000,
    });
    await putSample(channel, newSample(10));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1000);
  });

  it.each([
    [
      {
        status: 413,
        body: '{"ok":false,"error_code":413,"description":"Request Entity Too Large"}',
      },
      'too_large',
    ],
    [
      {
        status: 403,
        body: '{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked"}',
      },
      'channel_unauthorized',
    ],
    [
      { status: 401, body: '{"ok":false,"error_code":401,"description":"Unauthorized"}' },
      'channel_unauthorized',
    ],
    [
      { status: 404, body: '{"ok":false,"error_code":404,"description":"Not Found"}' },
      'channel_unauthorized',
    ],
    [
      {
        status: 400,
        body: '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}',
      },
      'channel_refused',
    ],
  ])('%j -> %s', async (answer, code) => {
    const { channel, emulator } = await telegramScene();
    emulator.faults.add('sendDocument', { kind: 'status', when: 'before', ...answer });
    await expect(putSample(channel, newSample(10))).rejects.toMatchObject({ code });
  });

  it('an abort while the answer is awaited lets the caller go and removes what was stored', async () => {
    const { channel, emulator } = await telegramScene({ latencyMs: 0 });
    emulator.faults.add('sendDocument', { kind: 'slow', ms: 100 });
    const controller = new AbortController();
    const put = putSample(channel, newSample(1000), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('gone')), 40);
    await expect(put).rejects.toThrow('gone');
    await expect.poll(() => calls(emulator, 'deleteMessage')).toBe(1);
    expect(emulator.messages.size).toBe(0);
  });

  it('an empty file is stored, although Telegram takes none', async () => {
    const { channel, emulator } = await telegramScene();
    const { ref, size } = await putSample(channel, newSample(0));
    expect(size).toBe(0);
    expect(await read(channel, ref)).toHaveLength(0);
    await channel.delete(ref, { signal: neverAborted });
    expect(emulator.messages.size).toBe(0);
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('Telegram going wrong while reading', () => {
  it('asks for the path once, and anew when it is about to expire', async () => {
    let now = 0;
    const { channel, emulator } = await telegramScene({}, undefined, { now: () => now });
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    for (let times = 0; times < 3; times++) {
      await read(channel, ref);
    }
    expect(calls(emulator, 'getFile')).toBe(1);
    now += 51 * 60_000;
    expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
    expect(calls(emulator, 'getFile')).toBe(2);
  });

  it('renews a path that expired early', async () => {
    const { channel, emulator } = await telegramScene();
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    await read(channel, ref);
    emulator.advance(2 * 3_600_000);
    expect(
      (await read(channel, ref, { start: 1, end: 5 })).equals(bufferOf(sample).subarray(1, 6)),
    ).toBe(true);
    expect(calls(emulator, 'getFile')).toBe(2);
  });

  it('reads ranges from a server that ignores them', async () => {
    const { channel } = await telegramScene({ ignoreRange: true });
    const sample = newSample(3 * megabyte);
    const { ref } = await putSample(channel, sample);
    const range = { start: 1_234_567, end: 2_345_678 };
    expect(
      (await read(channel, ref, range)).equals(
        bufferOf(sample).subarray(range.start, range.end + 1),
      ),
    ).toBe(true);
  });

  it.each([
    ['a 404 on a path just given', { kind: 'status', status: 404, when: 'before' } as const, 2],
    ['5xx', { kind: 'status', status: 503, when: 'before' } as const, 1],
    ['a reset', { kind: 'reset', when: 'before' } as const, 1],
    ['an answer cut short', { kind: 'cut' } as const, 1],
  ])('%s is channel_unavailable and passes', async (_, fault, times) => {
    const { channel, emulator } = await telegramScene();
    const sample = newSample(megabyte);
    const { ref } = await putSample(channel, sample);
    emulator.faults.add('download', fault, times);
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'channel_unavailable' });
    expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
  });

  it('tells a file that is gone from one that is away for the moment', async () => {
    const { channel, emulator } = await telegramScene();
    const sample = newSample(1000);
    const { ref } = await putSample(channel, sample);
    const body =
      '{"ok":false,"error_code":400,"description":"Bad Request: wrong file_id or the file is temporarily unavailable"}';
    emulator.faults.add('getFile', { kind: 'status', status: 400, when: 'before', body });
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'channel_unavailable' });
    expect((await read(channel, ref)).equals(bufferOf(sample))).toBe(true);
  });

  it('a file deleted behind our back is not_found', async () => {
    const { channel, open } = await telegramScene();
    const { ref } = await putSample(channel, newSample(10));
    await open().delete(ref, { signal: neverAborted });
    await expect(read(channel, ref)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('a ref of something else is not_found', async () => {
    const { channel } = await telegramScene();
    for (const ref of [null, 'text', {}, { chatId: 1 }]) {
      await expect(read(channel, ref)).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});

describe('Telegram refusing to delete', () => {
  it('is shown in its own words', async () => {
    const { channel, emulator } = await telegramScene({
      chats: [{ id: -1001234567890, type: 'supergroup', admin: false }],
    });
    const { ref } = await putSample(channel, newSample(10));
    emulator.advance(49 * 3_600_000);
    const deletion = channel.delete(ref, { signal: neverAborted });
    await expect(deletion).rejects.toMatchObject({
      code: 'channel_refused',
      message: expect.stringContaining("message can't be deleted"),
    });
    expect(emulator.messages.size).toBe(1);
  });
});
