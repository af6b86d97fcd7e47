import type { Measurement } from './measure.ts';
import type { Scenario } from './scenarios.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const YARDSTICK = 'nginx';

/** Medians over the rounds. */
export interface Row {
  readonly scenario: string;
  readonly subject: string;
  readonly rounds: number;
  /** MB/s, or requests per second. */
  readonly rate: number;
  readonly lowest: number;
  readonly highest: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** CPU seconds per GiB, or microseconds of CPU per request. */
  readonly cost: number;
  readonly peakMiB: number;
  readonly failed: number;
  readonly elsewhere: number;
  /** Rounds that began on a quiet machine. */
  readonly quiet: number;
}

export function summarize(measurements: readonly Measurement[]): readonly Row[] {
  const groups = Object.values(Object.groupBy(measurements, ({ scenario, subject }) => `${scenario} ${subject}`));
  return groups.flatMap((group) => (group?.[0] === undefined ? [] : [rowOf(group, group[0])]));
}

function rowOf(group: readonly Measurement[], { scenario, subject }: Measurement): Row {
  const rates = group.map(({ bytes, requests = 0, seconds }) => (bytes === undefined ? requests : bytes / 1e6) / seconds);
  const values = (pick: (one: Measurement) => number | undefined) => group.flatMap((one) => pick(one) ?? []);
  return {
    scenario,
    subject,
    rounds: group.length,
    rate: median(rates) ?? 0,
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    p50Ms: median(values(({ p50Ms }) => p50Ms)),
    p99Ms: median(values(({ p99Ms }) => p99Ms)),
    cost: median(values(costOf)) ?? 0,
    peakMiB: Math.max(...values(({ peakBytes }) => peakBytes)) / MIB,
    failed: values(({ failed }) => failed).reduce((sum, one) => sum + one, 0),
    elsewhere: median(values(({ elsewhere }) => elsewhere)) ?? 0,
    quiet: group.filter(({ quiet }) => quiet).length,
  };
}

function costOf({ bytes, requests = 1, cpuSeconds }: Measurement): number {
  return bytes === undefined ? (cpuSeconds / requests) * 1e6 : cpuSeconds / (bytes / GIB);
}

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** A Markdown table; `x nginx` compares with it in the same scenario, and a form with its raw body. */
export function renderTable(rows: readonly Row[], scenarios: readonly Scenario[]): string {
  const head = [
    'scenario',
    'server',
    'rate',
    'range',
    'x nginx',
    'p50 / p99 ms',
    'CPU',
    'x nginx',
    'peak RSS',
    'failed',
    'CPU elsewhere',
    'quiet',
  ];
  const lines = scenarios.flatMap(({ id, title }) =>
    rows.filter(({ scenario }) => scenario === id).map((row) => cellsOf(row, title, yardstick(rows, row))),
  );
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function yardstick(rows: readonly Row[], { scenario }: Row): Row | undefined {
  return rows.find((row) => row.subject === YARDSTICK && row.scenario === scenario.replace(/^form/, 'raw'));
}

function cellsOf(row: Row, title: string, nginx: Row | undefined): readonly string[] {
  const streamed = row.p50Ms === undefined;
  const digits = streamed ? 0 : 1;
  return [
    title,
    row.subject,
    streamed ? `${row.rate.toFixed(0)} MB/s` : `${row.rate.toFixed(0)}/s`,
    `${row.lowest.toFixed(0)}-${row.highest.toFixed(0)}`,
    nginx === undefined ? '' : (row.rate / nginx.rate).toFixed(2),
    streamed ? '' : `${row.p50Ms?.toFixed(digits)} / ${row.p99Ms?.toFixed(digits)}`,
    streamed ? `${row.cost.toFixed(2)} s/GiB` : `${row.cost.toFixed(0)} us`,
    nginx === undefined ? '' : (row.cost / nginx.cost).toFixed(2),
    `${row.peakMiB.toFixed(0)} MiB`,
    String(row.failed),
    row.elsewhere.toFixed(2),
    `${row.quiet}/${row.rounds}`,
  ];
}
