import { stat } from 'node:fs/promises';
import { curl, curlAll } from './load/curl.ts';
import { wrk } from './load/wrk.ts';
import type { Samples } from './samples.ts';
import type { Load, Subject } from './subject.ts';

/** What went through, in how many seconds. */
export interface Outcome {
  readonly seconds: number;
  readonly bytes?: number;
  readonly requests?: number;
  readonly failed?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** Undefined when the subject cannot do it. Preparing is not measured, only what the returned function does. */
  prepare(subject: Subject, samples: Samples, options: ScenarioOptions): Promise<(() => Promise<Outcome>) | undefined>;
}

export interface ScenarioOptions {
  /** How long requests of the small kind go on. */
  readonly seconds: number;
}

const CALLERS = 32;
const PARALLEL = 50;

export const scenarios: readonly Scenario[] = [
  { id: 'raw', title: 'upload 1 GiB, raw body', prepare: (subject, { large }) => uploads(subject.rawUpload, large, 1) },
  { id: 'form', title: 'upload 1 GiB, multipart form', prepare: (subject, { large }) => uploads(subject.formUpload, large, 1) },
  {
    id: 'raw50',
    title: 'upload 50 x 100 MiB at once, raw bodies',
    prepare: (subject, { medium }) => uploads(subject.rawUpload, medium, PARALLEL),
  },
  {
    id: 'form50',
    title: 'upload 50 x 100 MiB at once, forms',
    prepare: (subject, { medium }) => uploads(subject.formUpload, medium, PARALLEL),
  },
  {
    id: 'small',
    title: `upload 10 KiB, ${CALLERS} callers`,
    prepare: async ({ smallUpload }, _, options) => many(smallUpload, options),
  },
  {
    id: 'presign',
    title: `ask for an upload URL, ${CALLERS} callers`,
    prepare: async ({ presign }, _, options) => many(presign, options),
  },
  {
    id: 'read',
    title: `read 10 KiB, ${CALLERS} callers`,
    prepare: (subject, { small }, options) => smallReads(subject, small, options),
  },
  { id: 'read90', title: 'read 90 MB, one caller', prepare: (subject, { picture }) => largeReads(subject, picture) },
];

async function uploads(arrange: Subject['rawUpload'], file: string, count: number) {
  if (arrange === undefined) return undefined;
  const { size } = await stat(file);
  const all: (readonly string[])[] = [];
  for (let index = 0; index < count; index++) all.push(await arrange(file));
  return () => timed(size * count, () => curlAll(all));
}

async function many(load: Load | undefined, { seconds }: ScenarioOptions) {
  if (load === undefined) return undefined;
  await wrk(load, { callers: CALLERS, seconds: 1 });
  return () => wrk(load, { callers: CALLERS, seconds });
}

async function smallReads(subject: Subject, files: readonly string[], options: ScenarioOptions) {
  const urls: string[] = [];
  for (const file of files) urls.push(await subject.store(file));
  const [first = ''] = urls;
  const paths = urls.map((url) => new URL(url).pathname);
  return many({ url: new URL(first).origin, mode: 'get', text: paths.join('\n') }, options);
}

async function largeReads(subject: Subject, file: string) {
  const times = 10;
  const { size } = await stat(file);
  const url = await subject.store(file);
  const args = Array.from({ length: times }, () => ['-o', '/dev/null', url]).flat();
  return () => timed(size * times, () => curl(args));
}

async function timed(bytes: number, work: () => Promise<unknown>): Promise<Outcome> {
  const started = performance.now();
  await work();
  return { bytes, seconds: (performance.now() - started) / 1000 };
}
