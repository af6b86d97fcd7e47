/** `npm run bench -- --help` */
import { type Checkout, checkOut } from './against.ts';
import { type Cell, type CellOptions, type Failure, isFailure, runCell } from './cell.ts';
import { openDisk } from './disk.ts';
import type { Measurement } from './measure.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { isInstalled } from './processes.ts';
import { publish, startRecord } from './publish.ts';
import { renderFailure } from './report.ts';
import { makeSamples } from './samples.ts';
import { scenarios } from './scenarios/index.ts';
import type { SubjectKind } from './subject.ts';
import { metadataOnPostgres } from './subjects/metadata.ts';
import { nginx, nginxWithSync } from './subjects/nginx.ts';
import { current, stowage, stowageOnS3, type Version } from './subjects/stowage.ts';
import { tus } from './subjects/tus.ts';

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
  const { against, folder } = options;
  const checkout = against === undefined ? undefined : await checkOut(against, folder);
  try {
    await compare(options, checkout);
  } finally {
    await checkout?.remove();
  }
}

async function compare(options: Options, checkout: Checkout | undefined): Promise<void> {
  const { commit, root } = checkout ?? {};
  const before =
    commit === undefined || root === undefined
      ? undefined
      : { id: 'against', name: `Stowage ${commit}`, root };
  const kinds = chooseKinds(options.servers, before);
  const record = startRecord();
  const measurements: Measurement[] = [];
  const failures: Failure[] = [];
  const disk = await openDisk(options.folder, options.scale);
  const samples = await makeSamples(options.scale);
  const { patienceMs: quietLimitMs } = options;
  try {
    for (const cell of cellsOf(kinds, options)) {
      const result = await report(cell, { disk, context: { ...options, samples }, quietLimitMs });
      if (interrupt.signal.aborted) {
        break;
      }
      if (result !== undefined) {
        isFailure(result) ? failures.push(result) : measurements.push(result);
      }
    }
  } finally {
    await samples.remove();
    await disk.remove();
  }
  const yardsticks = ['nginx', 'nginx + sync', '@tus/server', ...(before ? [before.name] : [])];
  // The documents show whole runs only.
  const writeDocs = options.writeDocs && !interrupt.signal.aborted;
  await publish({
    ...{ ...record, disk: disk.kind, measurements, failures, yardsticks },
    options: { ...options, writeDocs },
  });
  process.exitCode = failures.length === 0 ? 0 : 1;
}

function chooseKinds(ids: readonly string[], before: Version | undefined): readonly SubjectKind[] {
  const versions = before === undefined ? [current] : [current, before];
  const wanted = [...ids, 'against'];
  const own = versions.flatMap((version) => [stowage(version), metadataOnPostgres(version)]);
  return [...own, nginx, nginxWithSync, tus, stowageOnS3].filter((kind) => {
    const obstacle = wanted.includes(kind.id) ? kind.obstacle() : undefined;
    if (obstacle !== undefined) {
      console.log(`Without ${kind.name} (${kind.scenarios ?? 'all scenarios'}): ${obstacle}.`);
    }
    return wanted.includes(kind.id) && obstacle === undefined;
  });
}

/**
 * Which server comes first changes from round to round and from scenario to scenario, and so does
 * which of two neighbours comes before the other.
 */
function cellsOf(kinds: readonly SubjectKind[], { rounds, only }: Options): readonly Cell[] {
  const plan = scenarios.filter(({ id }) => only.includes(id));
  return Array.from({ length: rounds }, (_, round) =>
    plan.flatMap((scenario, place) => {
      const able = kinds.filter((kind) => kind.scenarios?.includes(scenario.id) !== false);
      const turn = (round + place) % Math.max(1, able.length);
      const turned = [...able.slice(turn), ...able.slice(0, turn)];
      const order = (round + place) % 2 === 0 ? turned : turned.toReversed();
      return order.map((kind) => ({ scenario, kind, round }));
    }),
  ).flat();
}

async function report(
  cell: Cell,
  options: CellOptions,
): Promise<Measurement | Failure | undefined> {
  const result = await runCell(cell, options);
  if (result !== undefined && isFailure(result)) {
    console.log(renderFailure(result));
  } else if (result !== undefined) {
    const noise = result.quiet ? '' : ' (machine not quiet)';
    const { scenario, kind, round } = cell;
    console.log(
      `round ${round + 1}: ${scenario.title}, ${kind.name}: ${result.seconds.toFixed(2)} s${noise}`,
    );
  }
  return result;
}

const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  console.log(USAGE);
} else {
  await main(options);
}
