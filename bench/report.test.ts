import { describe, expect, it } from 'vitest';
import { renderGoals } from './goals.ts';
import { usageOf } from './machine.ts';
import type { Measurement } from './measure.ts';
import { median, percentile } from './outcome.ts';
import { intoPage } from './publish.ts';
import { renderFailure, renderTable, summarize } from './report.ts';
import { scenarios } from './scenarios/index.ts';

const one = (subject: string, scenario: string, rest: Partial<Measurement>): Measurement => ({
  scenario,
  subject,
  round: 0,
  seconds: 2,
  cpuSeconds: 1,
  peakBytes: 2 ** 20,
  loadCores: 0.5,
  elsewhereCores: 0,
  quiet: true,
  ...rest,
});

const gibibyte = { bytes: 2 ** 30 };

describe('the report', () => {
  it.each([
    [[], undefined],
    [[3], 3],
    [[3, 1], 2],
    [[9, 1, 2], 2],
  ])('median of %j is %j', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it.each([
    [[], 50, undefined],
    [[7], 99, 7],
    [[4, 1, 3, 2], 50, 2],
    [[4, 1, 3, 2], 99, 4],
  ])('of %j, %j percent are at most %j', (values, percent, expected) => {
    expect(percentile(values, percent)).toBe(expected);
  });

  it('takes medians over rounds, and compares forms with the raw body of nginx', () => {
    const rows = summarize([
      one('nginx', 'raw', gibibyte),
      one('Stowage', 'form', { ...gibibyte, seconds: 4, cpuSeconds: 2 }),
      one('Stowage', 'form', { ...gibibyte, seconds: 4, cpuSeconds: 2, quiet: false }),
      one('Stowage', 'small', { requests: 1000, p50Ms: 1, p99Ms: 2, failed: 3 }),
    ]);
    const lines = renderTable(rows, { scenarios, yardsticks: ['nginx'] }).split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[2]).toContain(
      '| Stowage | 500/s | 500-500 |  | 1.0 / 2.0 | 1000 us | 0.50 | 0.00 | 1 MiB | 3 | 1/1 |',
    );
    expect(lines[4]).toContain(
      '| Stowage | 268 MB/s | 268-268 | 0.50 |  | 2.00 s/GiB | 0.50 | 0.00 | 1 MiB | 0 | 1/2 |',
    );
  });

  it('compares a form with the form of another version, where it has one', () => {
    const rows = summarize([
      one('Stowage', 'form', gibibyte),
      one('Stowage abc', 'form', { ...gibibyte, seconds: 4 }),
      one('Stowage abc', 'raw', { ...gibibyte, seconds: 1 }),
    ]);
    const lines = renderTable(rows, { scenarios, yardsticks: ['Stowage abc'] }).split('\n');
    expect(lines.find((line) => line.includes('| Stowage |'))).toContain('| 537-537 | 2.00 |');
  });

  it('shows what was reached of the goals that were measured', () => {
    const rows = summarize([
      one('nginx', 'raw', gibibyte),
      one('Stowage', 'raw', { ...gibibyte, seconds: 4 }),
      one('Stowage', 'form', { ...gibibyte, seconds: 4, peakBytes: 300 * 2 ** 20 }),
    ]);
    expect(renderGoals(rows).split('\n').slice(2)).toEqual([
      '| raw | >= 0.6 x nginx | 0.50 | no |',
      '| raw | <= 1.6 s/GiB of CPU | 1.00 | yes |',
      '| form | >= 0.9 x Stowage, raw | 1.00 | yes |',
      '| form | < 256 MiB of memory in every scenario | 300 | no |',
    ]);
    expect(renderGoals([])).toBe('');
  });

  it('shows why there is no figure', () => {
    const failure = { scenario: 'raw', subject: 'nginx', round: 1, reason: 'status 507: full' };
    expect(renderFailure({ ...failure, log: ['no space left'] })).toBe(
      'FAILED raw, nginx, round 2: status 507: full\n    no space left',
    );
  });

  it('is written between two marks of the page', () => {
    const page = 'before\n<!-- tables: begin -->\nold\n<!-- tables: end -->\nafter\n';
    expect(intoPage(page, 'new')).toBe(
      'before\n<!-- tables: begin -->\n\nnew\n\n<!-- tables: end -->\nafter\n',
    );
    expect(() => intoPage('without marks', 'new')).toThrow('tables: begin');
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
