import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogDestination } from './log-destination.ts';

let written: string;
let room: number;
const open = () =>
  createLogDestination((bytes, start) => {
    const taken = bytes.subarray(start, start + room);
    if (taken.length === 0) {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    }
    room -= taken.length;
    written += String(Buffer.from(taken));
    return taken.length;
  });
const line = (n: number, size = 20) => `${String(n).padEnd(size - 1, '.')}\n`;
beforeEach(() => {
  vi.useFakeTimers();
  written = '';
  room = Number.POSITIVE_INFINITY;
});
afterEach(() => void vi.useRealTimers());

it('writes each line at once', () => {
  const { write } = open();
  for (const n of [1, 2]) {
    write(line(n));
    expect(written.endsWith(line(n))).toBe(true);
  }
});

it('finishes a broken line, then those that waited, in order', async () => {
  const { write } = open();
  room = 25;
  for (const n of [1, 2, 3]) {
    write(line(n));
  }
  expect(written).toBe(line(1) + line(2).slice(0, 5));
  await vi.advanceTimersByTimeAsync(1000);
  room = Number.POSITIVE_INFINITY;
  write(line(4));
  await vi.advanceTimersByTimeAsync(250);
  expect(written).toBe([1, 2, 3, 4].map((n) => line(n)).join(''));
});

it('loses what does not fit 1 MiB, and says how much', async () => {
  const { write } = open();
  room = 0;
  for (let n = 0; n < 1100; n++) {
    write(line(n, 1024));
  }
  room = Number.POSITIVE_INFINITY;
  await vi.advanceTimersByTimeAsync(600);
  const lines = written.trimEnd().split('\n');
  expect(lines).toHaveLength(1025);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 'warn', lines: 76 });
});
