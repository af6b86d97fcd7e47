import { describe, expect, it } from 'vitest';
import { createQuickDisk } from './quick-disk.ts';

describe('createQuickDisk', () => {
  it('pauses after a slow call, twice as long each time, up to 64 s', () => {
    let now = 0;
    const disk = createQuickDisk(() => now);
    const call = (ms: number) =>
      disk.time(() => {
        now += ms;
      });
    call(1);
    expect(disk.isQuick).toBe(true);
    for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000]) {
      call(50);
      now += pauseMs - 1;
      expect(disk.isQuick).toBe(false);
      now += 1;
      expect(disk.isQuick).toBe(true);
    }
    call(1);
    call(50);
    now += 1000;
    expect(disk.isQuick).toBe(true);
  });

  it('passes on what the call throws', () => {
    const disk = createQuickDisk();
    expect(() =>
      disk.time(() => {
        throw new Error('no');
      }),
    ).toThrow('no');
  });
});
