import { describe, expect, it } from 'vitest';
import { InFlight } from './in-flight.ts';

const failing = () => Promise.reject(new Error('no'));

describe('in flight', () => {
  it('has an upload until all its work has ended, failed work included', async () => {
    const inFlight = new InFlight();
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = inFlight.run('u', () => promise);
    await expect(inFlight.run('u', failing)).rejects.toThrow('no');
    expect([inFlight.has('u'), inFlight.has('other')]).toEqual([true, false]);
    resolve();
    await first;
    expect(inFlight.has('u')).toBe(false);
  });
});
