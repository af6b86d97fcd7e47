import { describe, expect, it } from 'vitest';
import { createKeyLock } from './key-lock.ts';

const signal = new AbortController().signal;

describe('key lock', () => {
  it('lets one in at a time, in order', async () => {
    const lock = createKeyLock();
    const order: number[] = [];
    const work = async (number: number) => {
      const release = await lock.acquire('a', signal);
      order.push(number);
      await new Promise(setImmediate);
      order.push(-number);
      release();
    };
    await Promise.all([work(1), work(2), work(3)]);
    expect(order).toEqual([1, -1, 2, -2, 3, -3]);
  });

  it('keeps keys apart', async () => {
    const lock = createKeyLock();
    await lock.acquire('a', signal);
    await lock.acquire('b', signal);
  });

  it('one that gives up neither enters nor blocks', async () => {
    const lock = createKeyLock();
    const release = await lock.acquire('a', signal);
    const impatient = new AbortController();
    const waiting = lock.acquire('a', impatient.signal);
    const patient = lock.acquire('a', signal);
    impatient.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(
      Promise.race([patient, new Promise((resolve) => setImmediate(resolve, 'blocked'))]),
    ).resolves.toBe('blocked');
    release();
    (await patient)();
    await lock.acquire('a', signal);
  });
});
