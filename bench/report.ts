import type { Failure } from './cell.ts';
import type { Measurement } from './measure.ts';
import { median } from './outcome.ts';
import type { Scenario } from './scenarios/scenario.ts';

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
  readonly loadCores: number;
  readonly elsewhereCores: number;
  /** The highest of all rounds. */
  readonly peakMiB: number;
  /** Requests without an answer, or with a refusal. */
  readonly failed: number;
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
    loadCores: median(values(({ loadCores }) => loadCores)) ?? 0,
    elsewhereCores: median(values(({ elsewhereCores }) => elsewhereCores)) ?? 0,
    peakMiB: Math.max(...values(({ peakBytes }) => peakBytes)) / MIB,
    failed: values(({ failed }) => failed).reduce((sum, one) => sum + one, 0),
    quiet: group.filter(({ quiet }) => quiet).length,
  };
}

function costOf({ bytes, requests = 1, cpuSeconds }: Measurement): number {
  return bytes === undefined ? (cpuSeconds / requests) * 1e6 : cpuSeconds / (bytes / GIB);
}

export interface TableOptions {
  readonly scenarios: readonly Scenario[];
  /** Names of servers that have a column with the ratio to them. */
  readonly yardsticks: readonly string[];
}

/** A Markdown table: a line for each scenario and server. */
export function renderTable(rows: readonly Row[], { scenarios, yardsticks }: TableOptions): string {
  const head = [
    ...['scenario', 'server', 'rate', 'lowest-highest'],
    ...yardsticks.map((name) => `x ${name}`),
    ...['p50 / p99 ms', 'server CPU', 'load', 'elsewhere', 'peak', 'failed', 'quiet'],
  ];
  const lines = scenarios.flatMap((scenario) =>
    rows
      .filter((row) => row.scenario === scenario.id)
      .map((row) => [
        ...[scenario.title, row.subject, rateOf(row)],
        `${row.lowest.toFixed(0)}-${row.highest.toFixed(0)}`,
        ...yardsticks.map((name) => ratioTo(name, row, rows, scenario)),
        ...cellsOf(row),
      ]),
  );
  return markdown([head, ...lines]);
}

export function markdown([head = [], ...lines]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function ratioTo(name: string, row: Row, rows: readonly Row[], scenario: Scenario): string {
  // What only Stowage can do is compared with another Stowage as it is.
  const ids = [scenario.id, scenario.comparedWith];
  const other = ids
    .map((id) => rows.find(({ scenario, subject }) => scenario === id && subject === name))
    .find((found) => found !== undefined);
  return other === undefined || name === row.subject ? '' : (row.rate / other.rate).toFixed(2);
}

function rateOf({ streamed, rate }: Row): string {
  return streamed ? `${rate.toFixed(0)} MB/s` : `${rate.toFixed(0)}/s`;
}

function cellsOf(row: Row): readonly string[] {
  return [
    row.p50Ms === undefined ? '' : `${row.p50Ms.toFixed(1)} / ${row.p99Ms?.toFixed(1)}`,
    row.streamed ? `${row.cost.toFixed(2)} s/GiB` : `${row.cost.toFixed(0)} us`,
    row.loadCores.toFixed(2),
    row.elsewhereCores.toFixed(2),
    `${row.peakMiB.toFixed(0)} MiB`,
    String(row.failed),
    `${row.quiet}/${row.rounds}`,
  ];
}

/** One paragraph for each; empty when there are none. */
export function renderFailures(failures: readonly Failure[]): string {
  return failures.map(renderFailure).join('\n');
}

export function renderFailure({ scenario, subject, round, reason, log }: Failure): string {
  const lines = log.map((line) => `    ${line}`);
  return [`FAILED ${scenario}, ${subject}, round ${round + 1}: ${reason}`, ...lines].join('\n');
}
