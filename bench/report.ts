import type { Measurement } from './measure.ts';
import type { Scenario } from './scenarios.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Medians over the rounds. */
export interface Row {
  readonly scenario: string;
  readonly subject: string;
  readonly rounds: number;
  /** MB/s, or requests per second. */
  readonly rate: number;
  readonly lowest: number;
  readonly highest: number;
  /** Whether `rate` counts bytes. */
  readonly streamed: boolean;
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
  const groups = Object.values(
    Object.groupBy(measurements, ({ scenario, subject }) => `${scenario} ${subject}`),
  );
  return groups.flatMap((group) => (group?.[0] === undefined ? [] : [rowOf(group, group[0])]));
}

function rowOf(group: readonly Measurement[], { scenario, subject }: Measurement): Row {
  const rates = group.map(
    ({ bytes, requests = 0, seconds }) => (bytes === undefined ? requests : bytes / 1e6) / seconds,
  );
  const values = (pick: (one: Measurement) => number | undefined) =>
    group.flatMap((one) => pick(one) ?? []);
  return {
    scenario,
    subject,
    rounds: group.length,
    rate: median(rates) ?? 0,
    lowest: Math.min(...rates),
    highest: Math.max(...rates),
    streamed: group.every(({ bytes }) => bytes !== undefined),
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

/** A Markdown table; the columns `ratio` compare with the scenario's yardstick. */
export function renderTable(rows: readonly Row[], scenarios: readonly Scenario[]): string {
  const head = [
    'scenario',
    'server',
    'rate',
    'range',
    'ratio',
    'p50 / p99 ms',
    'CPU',
    'ratio',
    'peak RSS',
    'failed',
    'CPU elsewhere',
    'quiet',
  ];
  const lines = scenarios.flatMap((scenario) =>
    rows
      .filter((row) => row.scenario === scenario.id)
      .map((row) => cellsOf(row, scenario.title, yardstickOf(row, rows, scenario))),
  );
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function yardstickOf(
  { subject }: Row,
  rows: readonly Row[],
  { id, yardstick = { scenario: id, subject: 'nginx' } }: Scenario,
): Row | undefined {
  return rows.find(
    (row) => row.scenario === yardstick.scenario && row.subject === (yardstick.subject ?? subject),
  );
}

function cellsOf(row: Row, title: string, yardstick: Row | undefined): readonly string[] {
  const { streamed } = row;
  return [
    title,
    row.subject,
    streamed ? `${row.rate.toFixed(0)} MB/s` : `${row.rate.toFixed(0)}/s`,
    `${row.lowest.toFixed(0)}-${row.highest.toFixed(0)}`,
    yardstick === undefined ? '' : (row.rate / yardstick.rate).toFixed(2),
    row.p50Ms === undefined ? '' : `${row.p50Ms.toFixed(1)} / ${row.p99Ms?.toFixed(1)}`,
    streamed ? `${row.cost.toFixed(2)} s/GiB` : `${row.cost.toFixed(0)} us`,
    yardstick === undefined ? '' : (row.cost / yardstick.cost).toFixed(2),
    `${row.peakMiB.toFixed(0)} MiB`,
    String(row.failed),
    row.elsewhere.toFixed(2),
    `${row.quiet}/${row.rounds}`,
  ];
}
