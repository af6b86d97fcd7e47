import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTurns } from './turns.ts';

const signal = new AbortController().signal;

async function takeMany(
  turns: { take(signal: AbortSignal): Promise<() => void> },
  count: number,
): Promise<number[]> {
  const startedAt = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const end = await turns.take(signal);
      times[index] = performance.now() - startedAt;
      end();
    }),
  );
  return times;
}

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('turns', () => {
  it('come in order and never more often than each window allows', async () => {
    const windows = [
      { count: 2, lengthMs: 30, from: 'start' as const },
      { count: 5, lengthMs: 150, from: 'start' as const },
    ];
    fakeTime();
    const taken = takeMany(createTurns(windows), 12);
    await vi.advanceTimersByTimeAsync(1000);
    const times = await taken;
    expect(Math.max(...times)).toBeLessThan(400);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const { count, lengthMs } of windows) {
      times.slice(count).forEach((at, index) => {
        expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(lengthMs);
      });
    }
  });

  it('an abort leaves the queue at once and holds nobody up', async () => {
    fakeTime();
    const turns = createTurns([{ count: 1, lengthMs: 60, from: 'start' as const }]);
    await turns.take(signal);
    const controller = new AbortController();
    const left = turns.take(controller.signal);
    const next = turns.take(signal);
    const startedAt = performance.now();
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(performance.now() - startedAt).toBe(0);
    await vi.advanceTimersByTimeAsync(60);
    await next;
    await expect(turns.take(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });

  it('after everybody left, newcomers are served', async () => {
    const turns = createTurns([{ count: 1, lengthMs: 30, from: 'start' as const }]);
    await turns.take(signal);
    const controller = new AbortController();
    const left = turns.take(controller.signal);
    controller.abort();
    await expect(left).rejects.toThrow();
    await turns.take(signal);
  });

  it('from the end: a turn that lasts keeps its place, however long ago it began', async () => {
    const turns = createTurns([{ count: 2, lengthMs: 30, from: 'end' }]);
    const [endFirst, endSecond] = [await turns.take(signal), await turns.take(signal)];
    let got = false;
    const third = turns.take(signal).then((end) => {
      got = true;
      return end;
    });
    endSecond();
    const endedAt = performance.now();
    await third;
    expect([got, performance.now() - endedAt >= 30]).toEqual([true, true]);
    const fourth = turns.take(signal);
    endFirst();
    const firstEndedAt = performance.now();
    await fourth;
    expect(performance.now() - firstEndedAt).toBeGreaterThanOrEqual(29);
  });

  it('a pause holds everybody, and tells how long', async () => {
    fakeTime();
    const turns = createTurns([{ count: 100, lengthMs: 10, from: 'start' as const }]);
    turns.pause(80);
    expect(turns.waitMs()).toBe(80);
    const taken = takeMany(turns, 3);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await taken).toEqual([80, 80, 80]);
  });

  it('without windows nobody waits', async () => {
    const times = await takeMany(createTurns([]), 100);
    expect(Math.max(...times)).toBeLessThan(100);
  });
});
