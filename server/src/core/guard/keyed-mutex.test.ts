import { describe, expect, it } from 'vitest';
import { createKeyedMutex } from './keyed-mutex.ts';

const signal = new AbortController().signal;
const failing = () => Promise.reject(new Error('no'));

describe('keyed mutex', () => {
  it('lets one in at a time, in the order of the calls', async () => {
    const mutex = createKeyedMutex();
    const order: number[] = [];
    const work = (number: number) => async () => {
      order.push(number);
      await new Promise(setImmediate);
      order.push(-number);
      return number;
    };
    const results = [1, 2, 3].map((number) => mutex.run('a', work(number)));
    expect(await Promise.all(results)).toEqual([1, 2, 3]);
    expect(order).toEqual([1, -1, 2, -2, 3, -3]);
  });

  it('keeps keys apart', async () => {
    const mutex = createKeyedMutex();
    await mutex.acquire('a', signal);
    expect(await mutex.run('b', async () => 'other key')).toBe('other key');
  });

  it('goes on after a failure', async () => {
    const mutex = createKeyedMutex();
    const failed = mutex.run('a', failing);
    const next = mutex.run('a', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('one that gives up neither enters nor blocks', async () => {
    const mutex = createKeyedMutex();
    const release = await mutex.acquire('a', signal);
    const impatient = new AbortController();
    let entered = false;
    const waiting = mutex.run('a', async () => (entered = true), impatient.signal);
    const patient = mutex.acquire('a', signal);
    impatient.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(
      Promise.race([patient, new Promise((resolve) => setImmediate(resolve, 'blocked'))]),
    ).resolves.toBe('blocked');
    release();
    (await patient)();
    await mutex.acquire('a', signal);
    expect(entered).toBe(false);
  });

  it('an aborted signal does not enter a free key either', async () => {
    const mutex = createKeyedMutex();
    const aborted = AbortSignal.abort(new Error('late'));
    await expect(mutex.acquire('a', aborted)).rejects.toThrow('late');
    await mutex.acquire('a', signal);
  });
});
