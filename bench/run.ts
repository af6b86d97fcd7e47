/** `npm run bench -- --help` */
import { checkOut } from './against.ts';
import { type Cell, type CellOptions, isFailure, runCell } from './cell.ts';
import { openDisk } from './disk.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { cellsOf, chooseKinds } from './plan.ts';
import { isInstalled } from './processes.ts';
import { type Figures, publish, startRecord } from './publish.ts';
import { renderFailure } from './report.ts';
import { makeSamples } from './samples.ts';
import { scenarios } from './scenarios/index.ts';
import { current, type Version } from './subjects/stowage.ts';

// The servers get Ctrl-C as well and end: the measurement fails, no other begins, and the disk is
// removed on the way out.
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort());
}

async function main(options: Options): Promise<void> {
  if (!isInstalled('wrk') || !isInstalled('curl')) {
    throw new Error('The bench needs wrk and curl (Debian packages of these names).');
  }
  if (options.against === undefined) {
    return compare([current], options);
  }
  const { commit, root, remove } = await checkOut(options.against, options.folder);
  try {
    await compare([current, { id: 'against', name: `Stowage ${commit}`, root }], options);
  } finally {
    await remove();
  }
}

async function compare(versions: readonly Version[], options: Options): Promise<void> {
  const kinds = chooseKinds([...options.servers, 'against'], versions);
  const plan = scenarios.filter(({ id }) => options.only.includes(id));
  const record = startRecord();
  const disk = await openDisk(options.folder, options.scale);
  try {
    const figures = await measureAll(cellsOf(kinds, plan, options.rounds), disk, options);
    const before = versions.filter((version) => version !== current).map(({ name }) => name);
    const yardsticks = ['nginx', 'nginx + sync', '@tus/server', ...before];
    // The documents show whole runs only.
    const writeDocs = options.writeDocs && !interrupt.signal.aborted;
    await publish({ record, figures, yardsticks, disk: disk.kind, options, writeDocs });
    process.exitCode = figures.failures.length === 0 ? 0 : 1;
  } finally {
    await disk.remove();
  }
}

async function measureAll(
  cells: readonly Cell[],
  disk: CellOptions['disk'],
  options: Options,
): Promise<Figures> {
  const figures: Figures = { measurements: [], failures: [] };
  const samples = await makeSamples(options.scale);
  const { patienceMs: quietLimitMs, seconds, warmUp, once } = options;
  const context = { samples, seconds, warmUp, once };
  try {
    for (const cell of cells) {
      if (!interrupt.signal.aborted) {
        await measureOne(cell, { disk, context, quietLimitMs }, figures);
      }
    }
  } finally {
    await samples.remove();
  }
  return figures;
}

async function measureOne(
  cell: Cell,
  options: CellOptions,
  { measurements, failures }: Figures,
): Promise<void> {
  const result = await runCell(cell, options);
  if (result === undefined) {
    return;
  }
  if (isFailure(result)) {
    failures.push(result);
    console.log(renderFailure(result));
    return;
  }
  measurements.push(result);
  const { scenario, kind, round } = cell;
  const noise = result.quiet ? '' : ' (machine not quiet)';
  const seconds = result.seconds.toFixed(2);
  console.log(`round ${round + 1}: ${scenario.title}, ${kind.name}: ${seconds} s${noise}`);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(USAGE);
  } else {
    await main(options);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
