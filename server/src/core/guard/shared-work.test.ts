import { describe, expect, it } from 'vitest';
import { SharedWork } from './shared-work.ts';

describe('shared work', () => {
  it('runs once for callers at the same time, and anew afterwards', async () => {
    const shared = new SharedWork<number>();
    let runs = 0;
    const work = async (): Promise<number> => ++runs;
    expect(await Promise.all([shared.run('a', work), shared.run('a', work)])).toEqual([1, 1]);
    expect(await shared.run('a', work)).toBe(2);
  });

  it('keeps keys apart', async () => {
    const shared = new SharedWork<string>();
    const answers = await Promise.all(['a', 'b'].map((key) => shared.run(key, async () => key)));
    expect(answers).toEqual(['a', 'b']);
  });

  it('is tried again, once for all, by those who joined a run that fails', async () => {
    const shared = new SharedWork<string>();
    const first = Promise.withResolvers<string>();
    const failure = new Error('too early');
    const seen: unknown[] = [];
    const again = async (joinedError?: unknown): Promise<string> => {
      seen.push(joinedError);
      return 'done';
    };
    const began = shared.run('a', () => first.promise);
    const joined = [shared.run('a', again), shared.run('a', again)];
    first.reject(failure);
    await expect(began).rejects.toBe(failure);
    expect(await Promise.all(joined)).toEqual(['done', 'done']);
    expect(seen).toEqual([failure]);
  });

  it('that fails again fails with its own error', async () => {
    const shared = new SharedWork<string>();
    const first = Promise.withResolvers<string>();
    const began = shared.run('a', () => first.promise);
    const joined = shared.run('a', () => Promise.reject(new Error('second')));
    first.reject(new Error('first'));
    await expect(began).rejects.toThrow('first');
    await expect(joined).rejects.toThrow('second');
  });
});
