import { describe, expect, it } from 'vitest';
import { createTurns } from './turns.ts';

const signal = new AbortController().signal;

async function takeMany(turns: { take(signal: AbortSignal): Promise<void> }, count: number): Promise<number[]> {
  const startedAt = performance.now();
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await turns.take(signal);
      times[index] = performance.now() - startedAt;
    }),
  );
  return times;
}

describe('turns', () => {
  it('come in order and never more often than each window allows', async () => {
    const windows = [
      { count: 2, lengthMs: 30 },
      { count: 5, lengthMs: 150 },
    ];
    const times = await takeMany(createTurns(windows), 12);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const { count, lengthMs } of windows) {
      times.slice(count).forEach((at, index) => {
        expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(lengthMs);
      });
    }
  });

  it('an abort leaves the queue at once and holds nobody up', async () => {
    const turns = createTurns([{ count: 1, lengthMs: 60 }]);
    await turns.take(signal);
    const controller = new AbortController();
    const left = turns.take(controller.signal);
    const next = turns.take(signal);
    const startedAt = performance.now();
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(performance.now() - startedAt).toBeLessThan(40);
    await next;
    expect(performance.now() - startedAt).toBeLessThan(110);
    await expect(turns.take(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });

  it('after everybody left, newcomers are served', async () => {
    const turns = createTurns([{ count: 1, lengthMs: 30 }]);
    await turns.take(signal);
    const controller = new AbortController();
    const left = turns.take(controller.signal);
    controller.abort();
    await expect(left).rejects.toThrow();
    await turns.take(signal);
  });

  it('a pause holds everybody, and tells how long', async () => {
    const turns = createTurns([{ count: 100, lengthMs: 10 }]);
    turns.pause(80);
    expect(turns.waitMs()).toBeGreaterThan(50);
    const [first = 0] = await takeMany(turns, 3);
    expect(first).toBeGreaterThanOrEqual(78);
  });

  it('without windows nobody waits', async () => {
    const times = await takeMany(createTurns([]), 100);
    expect(Math.max(...times)).toBeLessThan(100);
  });
});
