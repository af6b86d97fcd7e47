import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MetadataStore } from '../../core/metadata.ts';
import { createReadiness } from './readiness.ts';

describe('readiness', () => {
  let asked: PromiseWithResolvers<void>[];
  let isReady: boolean;
  const check = (): Promise<void> => {
    const answer = Promise.withResolvers<void>();
    asked.push(answer);
    return answer.promise;
  };
  const readiness = () =>
    createReadiness({ isReady: () => isReady, metadata: { check } as MetadataStore });
  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    isReady = true;
  });
  afterEach(() => void vi.useRealTimers());

  it('asks the database once for all who ask within a second', async () => {
    const ask = readiness();
    const answers = [ask(), ask(), ask()];
    expect(asked).toHaveLength(1);
    asked[0]?.resolve();
    for (const answer of answers) {
      expect(await answer).toEqual({ status: 'ok', checks: { server: 'ok', database: 'ok' } });
    }
    await vi.advanceTimersByTimeAsync(1_100);
    const later = ask();
    asked[1]?.reject(new Error('gone'));
    expect(await later).toEqual({
      status: 'unavailable',
      checks: { server: 'ok', database: 'unavailable' },
    });
  });

  it('waits two seconds for a database that is frozen', async () => {
    const answer = readiness()();
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await answer).status).toBe('unavailable');
  });

  it('asks no database on the way down', async () => {
    isReady = false;
    expect(await readiness()()).toEqual({ status: 'unavailable', checks: { server: 'stopping' } });
    expect(asked).toEqual([]);
  });
});
