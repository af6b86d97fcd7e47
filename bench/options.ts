import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/index.ts';

/** What a run does. */
export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly once: number;
  readonly scale: number;
  readonly patienceMs: number;
  readonly only: readonly string[];
  readonly servers: readonly string[];
  readonly against: string | undefined;
  readonly folder: string;
  readonly writeDocs: boolean;
}

export const USAGE = `npm run bench -- [options]

Runs Stowage, nginx and @tus/server in turn, each scenario on a fresh disk, and prints what each
reached and took. docs/performance.md explains the columns. As root on Linux, every measurement gets
a file system of its own.

  --quick           one round, small files, short runs: whether all works, not how fast
  --only LIST       scenarios: ${scenarios.map(({ id }) => id).join(',')}
  --servers LIST    stowage,nginx,nginx-sync,tus; s3 for Stowage in front of a real S3 server
  --against COMMIT  this version of Stowage as one more server in the same run
  --write-docs      write the tables into docs/performance.md

  --rounds N        repetitions, the servers taking turns (3)
  --seconds N       how long small requests go on (5)
  --warm-up N       requests before the measured ones (5000)
  --scale N         size of large files, 1 for 1 GiB (1)
  --patience N      seconds to wait for a quiet machine before each measurement (5)
  --folder PATH     where the disk is made (/var/tmp/stowage-bench)
`;

const FULL = { rounds: 3, seconds: 5, warmUp: 5000, scale: 1, patience: 5, once: 5000 };
const QUICK = { rounds: 1, seconds: 2, warmUp: 1000, scale: 0.1, patience: 0, once: 1000 };

/** wrk has to be at work before a run of counted requests may end. */
const LEAST_WARM_UP = 500;

/** Undefined when help was asked for. Throws what is wrong with the command line. */
export function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ quick: flag, only: text, servers: text, against: text, 'write-docs': flag },
      ...{ rounds: text, seconds: text, 'warm-up': text, scale: text, patience: text },
      ...{ folder: text, help: flag },
    },
  });
  if (values.help) {
    return undefined;
  }
  const usual = values.quick ? QUICK : FULL;
  return {
    rounds: wholeOf('rounds', values.rounds, 1) ?? usual.rounds,
    seconds: wholeOf('seconds', values.seconds, 1) ?? usual.seconds,
    warmUp: wholeOf('warm-up', values['warm-up'], LEAST_WARM_UP) ?? usual.warmUp,
    once: usual.once,
    scale: scaleOf(values.scale) ?? usual.scale,
    patienceMs: (wholeOf('patience', values.patience, 0) ?? usual.patience) * 1000,
    only: scenarioIds(values.only),
    servers: (values.servers ?? 'stowage,nginx,nginx-sync,tus').split(','),
    against: values.against,
    folder: values.folder ?? '/var/tmp/stowage-bench',
    writeDocs: values['write-docs'],
  };
}

function scenarioIds(list: string | undefined): readonly string[] {
  const known = scenarios.map(({ id }) => id);
  const wanted = list?.split(',') ?? known;
  const unknown = wanted.find((id) => !known.includes(id));
  if (unknown !== undefined) {
    throw new Error(`There is no scenario ${unknown}; there are ${known.join(', ')}.`);
  }
  return wanted;
}

function wholeOf(name: string, text: string | undefined, least: number): number | undefined {
  const value = text === undefined ? undefined : Number(text);
  if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
    throw new Error(`--${name} is a whole number of at least ${least}, not ${text}.`);
  }
  return value;
}

function scaleOf(text: string | undefined): number | undefined {
  const value = text === undefined ? undefined : Number(text);
  if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
    throw new Error(`--scale is a number above 0, not ${text}.`);
  }
  return value;
}
