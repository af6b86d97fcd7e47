import { describe, expect, it } from 'vitest';
import {
  bufferOf,
  newSample,
  putSample,
  putWithRetries,
  read,
} from '../../../test/emulators/channel-kit.ts';
import { emulatedToken } from '../../../test/emulators/telegram/emulator.ts';
import { telegramScene } from '../../../test/emulators/telegram/scene.ts';
import { guardChannel } from '../../core/guard/channel-guard.ts';
import { createCircuitBreaker } from '../../core/guard/circuit-breaker.ts';
import { createSemaphore } from '../../core/guard/semaphore.ts';
import { streamBody } from '../../core/streams/body.ts';

const minuteMs = 400;
const secondToken = '987654321:AAnotherCanaryTokenThatMustNeverShow22';

describe('100 pictures at once on 20 a minute', () => {
  it('all arrive in order of asking, none fails, none twice, no 429', async () => {
    const pace = { perMinute: 20, minuteMs };
    const { channel, emulator } = await telegramScene(
      { pace },
      { messagesPerSecond: 1000 },
      { minuteMs },
    );
    const samples = Array.from({ length: 100 }, (_, index) => newSample(1000 + index));
    const startedAt = performance.now();
    const results = await Promise.all(samples.map((sample) => putSample(channel, sample)));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(4 * minuteMs);
    expect(emulator.messages.size).toBe(100);
    expect(
      emulator.calls.filter(({ method }) => method === 'sendDocument').map(({ status }) => status),
    ).toEqual(Array(100).fill(200));
    const ids = results.map(({ ref }) => (ref as { messageId: number }).messageId);
    expect(new Set(ids).size).toBe(100);
    for (const [index, sample] of samples.entries()) {
      expect((await read(channel, results[index]?.ref ?? null)).equals(bufferOf(sample))).toBe(
        true,
      );
    }
  });

  it('also when Telegram counts stricter than we were told: 429 is waited out', async () => {
    const { channel, emulator } = await telegramScene(
      { pace: { perMinute: 20, minuteMs: 500 } },
      { messagesPerSecond: 1000 },
      { minuteMs: 300 },
    );
    const semaphore = createSemaphore(100);
    const samples = Array.from({ length: 50 }, () => newSample(100));
    await Promise.all(
      samples.map(async (sample) => {
        const release = await semaphore.acquire();
        await putWithRetries(channel, sample).finally(release);
      }),
    );
    expect(emulator.messages.size).toBe(50);
  });

  it('behind the guard of core: waiting is no silence, and readers do not wait with the uploads', async () => {
    const { channel, emulator } = await telegramScene(
      {},
      { messagesPerSecond: 1000, messagesPerMinute: 10 },
      { minuteMs: 1000 },
    );
    const breaker = createCircuitBreaker({ threshold: 5, openMs: 1000, now: Date.now });
    const guarded = guardChannel(channel, {
      callTimeoutMs: 500,
      idleTimeoutMs: 500,
      maxConcurrent: 4,
      breaker,
    });
    const first = await putSample(guarded, newSample(100));
    const puts = Promise.all(Array.from({ length: 25 }, () => putSample(guarded, newSample(100))));
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 8 }, () => read(guarded, first.ref)));
    expect(performance.now() - startedAt).toBeLessThan(500);
    await puts;
    expect(performance.now() - startedAt).toBeGreaterThan(1000);
    expect(emulator.messages.size).toBe(26);
  });

  it('does not touch the body while it waits, and an abort gives the place up', async () => {
    const { channel, emulator } = await telegramScene(
      {},
      { messagesPerSecond: 1000, messagesPerMinute: 1 },
      { minuteMs: 200 },
    );
    await putSample(channel, newSample(10));
    let touched = false;
    async function* source() {
      touched = true;
      yield Buffer.alloc(10);
    }
    const controller = new AbortController();
    const put = channel.put(streamBody(source(), { size: 10 }), {
      key: 'waiting',
      contentType: 'text/plain',
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error('gone')), 20);
    await expect(put).rejects.toThrow('gone');
    expect(touched).toBe(false);
    await putSample(channel, newSample(10));
    expect(emulator.messages.size).toBe(2);
  });
});

describe('several bots in one chat', () => {
  const tokens = [emulatedToken, secondToken];

  it('share the load, and each file stays with the bot that sent it', async () => {
    const pace = { perMinute: 10, minuteMs };
    const { channel, emulator, open } = await telegramScene(
      { tokens, pace },
      { botTokens: [secondToken], messagesPerSecond: 1000, messagesPerMinute: 10 },
      { minuteMs },
    );
    const samples = Array.from({ length: 20 }, () => newSample(500));
    const startedAt = performance.now();
    const results = await Promise.all(samples.map((sample) => putSample(channel, sample)));
    expect(performance.now() - startedAt).toBeLessThan(minuteMs);
    const bots = [...emulator.messages.values()].map(({ botId }) => botId);
    expect(bots.filter((id) => id === '987654321')).toHaveLength(10);
    for (const [index, sample] of samples.entries()) {
      expect((await read(channel, results[index]?.ref ?? null)).equals(bufferOf(sample))).toBe(
        true,
      );
    }
    const foreign = results.find(({ ref }) => (ref as { botId: string }).botId === '987654321');
    await expect(read(open(), foreign?.ref ?? null)).rejects.toMatchObject({
      code: 'channel_unauthorized',
      message: expect.stringContaining('987654321'),
    });
  });
});
