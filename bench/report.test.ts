import { describe, expect, it } from 'vitest';
import { usageOf } from './machine.ts';
import type { Measurement } from './measure.ts';
import { median, renderTable, summarize } from './report.ts';
import { scenarios } from './scenarios.ts';

const one = (subject: string, scenario: string, rest: Partial<Measurement>): Measurement => ({
  scenario,
  subject,
  round: 0,
  seconds: 2,
  cpuSeconds: 1,
  peakBytes: 2 ** 20,
  elsewhere: 0,
  quiet: true,
  ...rest,
});

describe('the report', () => {
  it.each([
    [[], undefined],
    [[3], 3],
    [[3, 1], 2],
    [[9, 1, 2], 2],
  ])('median of %j is %j', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('takes medians over rounds, and compares forms with the raw body of nginx', () => {
    const rows = summarize([
      one('nginx', 'raw', { bytes: 2 ** 30 }),
      one('Stowage', 'form', { bytes: 2 ** 30, seconds: 4, cpuSeconds: 2 }),
      one('Stowage', 'form', { bytes: 2 ** 30, seconds: 4, cpuSeconds: 2, quiet: false }),
      one('Stowage', 'small', { requests: 1000, p50Ms: 1, p99Ms: 2, failed: 3 }),
    ]);
    const lines = renderTable(rows, scenarios).split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[3]).toContain(
      '| Stowage | 268 MB/s | 268-268 | 0.50 |  | 2.00 s/GiB | 2.00 | 1 MiB | 0 | 0.00 | 1/2 |',
    );
    expect(lines[4]).toContain(
      '| Stowage | 500/s | 500-500 |  | 1.0 / 2.0 | 1000 us |  | 1 MiB | 3 | 0.00 | 1/1 |',
    );
  });
});

describe('what a process took', () => {
  it.skipIf(process.platform !== 'linux')(
    'is read from the kernel (skipped where there is no /proc)',
    () => {
      const { cpuSeconds, peakBytes } = usageOf(process.pid);
      expect(cpuSeconds).toBeGreaterThan(0);
      expect(peakBytes).toBeGreaterThan(2 ** 20);
    },
  );
});
