import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Failure } from './cell.ts';
import { renderGoals } from './goals.ts';
import type { Measurement } from './measure.ts';
import type { Options } from './options.ts';
import { renderFailures, renderTable, summarize } from './report.ts';
import { scenarios } from './scenarios/index.ts';

const results = fileURLToPath(new URL('./results/', import.meta.url));
const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const MARKS = ['<!-- tables: begin -->', '<!-- tables: end -->'] as const;

/** Stands above the tables when most measurements did not begin on a quiet machine. */
const BUSY =
  '**Busy machine:** other work took most of the cores, so these figures show that everything runs, not how fast.';

/** What is known when a run begins. */
export interface RunRecord {
  readonly startedAt: Date;
  readonly commit: string;
  readonly machine: string;
  readonly loadBefore: number;
}

/** What was measured so far. */
export interface Figures {
  readonly measurements: Measurement[];
  readonly failures: Failure[];
}

export interface Results {
  readonly record: RunRecord;
  readonly figures: Figures;
  /** Servers that the others are compared with. */
  readonly yardsticks: readonly string[];
  readonly disk: string;
  readonly options: Options;
  readonly writeDocs: boolean;
}

export function startRecord(): RunRecord {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const cores = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
  return {
    startedAt: new Date(),
    commit: git('describe', '--always', '--dirty'),
    machine: `${cores}, ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** Prints the tables and keeps them in a file of their own; in the documents when asked to. */
export async function publish(run: Results): Promise<void> {
  const tables = renderRun(run);
  await mkdir(results, { recursive: true });
  const name = join(results, run.record.startedAt.toISOString().replaceAll(':', '-'));
  await writeFile(`${name}.json`, JSON.stringify(run, undefined, 2));
  await writeFile(`${name}.md`, `${tables}\n`);
  console.log(`\n${tables}\n\nKept in ${name}.json and .md`);
  if (run.writeDocs) {
    await writeFile(page, intoPage(await readFile(page, 'utf8'), tables));
    console.log(`Written into ${page}`);
  }
}

function renderRun(run: Results): string {
  const { measurements, failures } = run.figures;
  const rows = summarize(measurements);
  const yardsticks = run.yardsticks.filter((name) => rows.some(({ subject }) => subject === name));
  return [
    describe(run),
    renderTable(rows, { scenarios, yardsticks }),
    renderGoals(rows),
    failures.length === 0 ? '' : `\`\`\`\n${renderFailures(failures)}\n\`\`\``,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The machine, the run, and how busy the machine was. */
function describe({ record, figures, disk, options }: Results): string {
  const minutes = ((Date.now() - record.startedAt.getTime()) / 60_000).toFixed(0);
  const { measurements } = figures;
  const quiet = measurements.filter((one) => one.quiet).length;
  const load = `${record.loadBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after`;
  return [
    `- ${record.startedAt.toISOString().slice(0, 10)}, commit ${record.commit}, ${minutes} minutes`,
    `- machine: ${record.machine}`,
    `- disk: ${disk}`,
    `- rounds: ${options.rounds}; sizes x ${options.scale}; small requests for ${options.seconds} s, ${options.warmUp} before`,
    `- load average: ${load}; ${quiet} of ${measurements.length} measurements began on a quiet machine`,
    ...(quiet < measurements.length / 2 ? [`\n${BUSY}`] : []),
  ].join('\n');
}

/** Replaces what stands between the two marks. */
export function intoPage(text: string, tables: string): string {
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin === undefined || end === undefined || begin < 0 || end < begin) {
    throw new Error(`There are no lines ${MARKS.join(' and ')} to write between.`);
  }
  return `${text.slice(0, begin + MARKS[0].length)}\n\n${tables}\n\n${text.slice(end)}`;
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
