/** `npm run bench -- --help` */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Disk, freshDisk } from './disk.ts';
import { type Measurement, measure } from './measure.ts';
import { isInstalled } from './processes.ts';
import { renderTable, summarize } from './report.ts';
import { makeSamples, type Samples } from './samples.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import type { Subject, SubjectKind } from './subject.ts';
import { nginx } from './subjects/nginx.ts';
import { stowage, stowageOnS3 } from './subjects/stowage.ts';
import { tus } from './subjects/tus.ts';

const kinds: Readonly<Record<string, SubjectKind>> = { stowage, s3: stowageOnS3, nginx, tus };
const USAGE = `npm run bench -- [options]

Runs Stowage (on its own disk, and in front of a real S3 server), nginx and @tus/server side by side on the same disk and prints what each reached and took. As root, every round gets a fresh file system.

  --rounds N       repetitions, the servers taking turns (3)
  --seconds N      how long small requests go on (5)
  --only LIST      scenarios: ${scenarios.map(({ id }) => id).join(',')}
  --servers LIST   ${Object.keys(kinds).join(',')}
  --scale N        size of large files, 1 for 1 GiB (1)
  --folder PATH    where the file systems go (/var/tmp/stowage-bench)
  --patience N     seconds to wait for a quiet machine before each measurement (60)
`;

const results = fileURLToPath(new URL('./results/', import.meta.url));

function readOptions() {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const { values } = parseArgs({
    options: {
      rounds: text('3'),
      seconds: text('5'),
      only: text(scenarios.map(({ id }) => id).join(',')),
      servers: text(Object.keys(kinds).join(',')),
      scale: text('1'),
      folder: text('/var/tmp/stowage-bench'),
      patience: text('60'),
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

type Options = ReturnType<typeof readOptions>;

async function main(options: Options): Promise<void> {
  const chosen = chooseSubjects(options.servers.split(','));
  const wanted = options.only.split(',');
  const plan = scenarios.filter(({ id }) => wanted.includes(id));
  const samples = await makeSamples(Number(options.scale));
  const measurements: Measurement[] = [];
  try {
    for (let round = 0; round < Number(options.rounds); round++) {
      // Who comes first changes from round to round.
      const order = chosen.map(
        (_, index) => chosen[(index + round) % chosen.length] as SubjectKind,
      );
      measurements.push(...(await runRound(order, { plan, samples, round, options })));
    }
  } finally {
    await samples.remove();
  }
  await publish(measurements, plan);
}

function chooseSubjects(names: readonly string[]): readonly SubjectKind[] {
  if (!isInstalled('wrk') || !isInstalled('curl')) {
    throw new Error('The bench needs wrk and curl (Debian packages of these names).');
  }
  return names.flatMap((name) => {
    const kind = kinds[name];
    const obstacle = kind === undefined ? 'there is no such server' : kind.obstacle();
    if (obstacle !== undefined) {
      console.log(`Without ${name}: ${obstacle}.`);
    }
    return kind === undefined || obstacle !== undefined ? [] : [kind];
  });
}

interface Round {
  readonly plan: readonly Scenario[];
  readonly samples: Samples;
  readonly round: number;
  readonly options: Options;
}

async function runRound(
  order: readonly SubjectKind[],
  { plan, samples, round, options }: Round,
): Promise<readonly Measurement[]> {
  const disks: Disk[] = [];
  const subjects: { readonly kind: SubjectKind; readonly subject: Subject }[] = [];
  const measurements: Measurement[] = [];
  try {
    for (const kind of order) {
      const disk = await freshDisk(options.folder);
      disks.push(disk);
      subjects.push({ kind, subject: await kind.start({ folder: disk.folder }) });
    }
    for (const { id, title, prepare } of plan) {
      for (const { kind, subject } of subjects) {
        if (kind.scenarios?.includes(id) === false) {
          continue;
        }
        const work = await prepare(subject, samples, { seconds: Number(options.seconds) });
        if (work === undefined) {
          continue;
        }
        const one = await measure(subject, work, {
          scenario: id,
          round,
          quietLimitMs: Number(options.patience) * 1000,
        });
        measurements.push(one);
        console.log(
          `round ${round + 1}: ${title}, ${subject.name}: ${one.seconds.toFixed(2)} s${one.quiet ? '' : ' (machine not quiet)'}`,
        );
      }
    }
  } finally {
    for (const { subject } of subjects) {
      await subject.stop();
    }
    for (const disk of disks) {
      await disk.remove();
    }
  }
  return measurements;
}

async function publish(
  measurements: readonly Measurement[],
  plan: readonly Scenario[],
): Promise<void> {
  const rows = summarize(measurements);
  const table = renderTable(rows, plan);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`;
  await mkdir(results, { recursive: true });
  const name = join(results, new Date().toISOString().replaceAll(':', '-'));
  await writeFile(`${name}.json`, JSON.stringify({ machine, rows, measurements }, undefined, 2));
  await writeFile(`${name}.md`, `${machine}\n\n${table}\n`);
  console.log(`\n${machine}\n\n${table}\n\nKept in ${name}.json and .md`);
}

// The servers get Ctrl-C as well and end: the round fails, and its file systems are unmounted on
// the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => console.log('interrupted'));
}

const options = readOptions();
if (options.help) {
  console.log(USAGE);
} else {
  await main(options);
}
