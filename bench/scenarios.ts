import { stat } from 'node:fs/promises';
import { curl, curlAll, curlInTurn } from './load/curl.ts';
import { wrk } from './load/wrk.ts';
import type { Samples } from './samples.ts';
import type { ChunkedUpload, Load, Subject } from './subject.ts';

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
  /**
   * The scenario and server that this is measured by; the same scenario on nginx unless it says
   * otherwise.
   */
  readonly yardstick?: { readonly scenario: string; readonly subject?: string };
  /**
   * Undefined when the subject cannot do it. Preparing is not measured, only what the returned
   * function does.
   */
  prepare(
    subject: Subject,
    samples: Samples,
    options: ScenarioOptions,
  ): Promise<(() => Promise<Outcome>) | undefined>;
}

export interface ScenarioOptions {
  /** How long requests of the small kind go on. */
  readonly seconds: number;
}

const CALLERS = 32;
const PARALLEL = 50;
const MIB = 2 ** 20;
const CHUNKS_AT_ONCE = 6;
const COMPLETIONS = 2000;

export const scenarios: readonly Scenario[] = [
  {
    id: 'raw',
    title: 'upload 1 GiB, raw body',
    prepare: (subject, { large }) => uploads(subject.rawUpload, large, 1),
  },
  {
    id: 'form',
    title: 'upload 1 GiB, multipart form',
    yardstick: { scenario: 'raw', subject: 'nginx' },
    prepare: (subject, { large }) => uploads(subject.formUpload, large, 1),
  },
  {
    id: 'raw50',
    title: 'upload 50 x 100 MiB at once, raw bodies',
    prepare: (subject, { medium }) => uploads(subject.rawUpload, medium, PARALLEL),
  },
  {
    id: 'form50',
    title: 'upload 50 x 100 MiB at once, forms',
    yardstick: { scenario: 'raw50', subject: 'nginx' },
    prepare: (subject, { medium }) => uploads(subject.formUpload, medium, PARALLEL),
  },
  {
    id: 'one',
    title: 'upload 500 MiB, multipart form',
    yardstick: { scenario: 'one' },
    prepare: (subject, { half }) => uploads(subject.formUpload, half, 1),
  },
  ...[5, 8, 16].map((mebibytes) => ({
    id: `chunks${mebibytes}`,
    title: `upload 500 MiB in chunks of ${mebibytes} MiB, ${CHUNKS_AT_ONCE} at once`,
    yardstick: { scenario: 'one' },
    prepare: (subject: Subject, samples: Samples) =>
      chunkedUploads(subject, samples, { chunkBytes: mebibytes * MIB, count: 1 }),
  })),
  {
    id: 'chunked20',
    title: 'the same 20 times at once, chunks of 5 MiB',
    yardstick: { scenario: 'one' },
    prepare: (subject, samples) =>
      chunkedUploads(subject, samples, { chunkBytes: 5 * MIB, count: 20 }),
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
    id: 'complete',
    title: `complete presigned uploads of 10 KiB, ${CALLERS} callers`,
    prepare: completions,
  },
  {
    id: 'read',
    title: `read 10 KiB, ${CALLERS} callers`,
    prepare: (subject, { small }, options) => smallReads(subject, small, options),
  },
  {
    id: 'read90',
    title: 'read 90 MB, one caller',
    prepare: (subject, { picture }) => largeReads(subject, picture),
  },
];

async function uploads(arrange: Subject['rawUpload'], file: string, count: number) {
  if (arrange === undefined) {
    return undefined;
  }
  const { size } = await stat(file);
  const all: (readonly string[])[] = [];
  for (let index = 0; index < count; index++) {
    all.push(await arrange(file));
  }
  return () => timed(size * count, () => curlAll(all));
}

async function chunkedUploads(
  subject: Subject,
  { half, cut }: Samples,
  { chunkBytes, count }: { chunkBytes: number; count: number },
) {
  if (subject.chunkedUpload === undefined) {
    return undefined;
  }
  const { size } = await stat(half);
  const pieces = await cut(half, chunkBytes);
  const all: ChunkedUpload[] = [];
  for (let index = 0; index < count; index++) {
    all.push(await subject.chunkedUpload(pieces));
  }
  const send = async ({ chunks, merge }: ChunkedUpload) => {
    await curlInTurn(chunks, CHUNKS_AT_ONCE);
    await curl(merge);
  };
  return () => timed(size * count, () => Promise.all(all.map(send)));
}

async function completions(subject: Subject, { thumbnail }: Samples) {
  const all = await subject.presigned?.(thumbnail, COMPLETIONS);
  if (all === undefined) {
    return undefined;
  }
  return async () => ({
    seconds: await secondsOf(() => curlInTurn(all, CALLERS)),
    requests: COMPLETIONS,
  });
}

async function many(load: Load | undefined, { seconds }: ScenarioOptions) {
  if (load === undefined) {
    return undefined;
  }
  await wrk(load, { callers: CALLERS, seconds: 1 });
  return () => wrk(load, { callers: CALLERS, seconds });
}

async function smallReads(subject: Subject, files: readonly string[], options: ScenarioOptions) {
  const urls: string[] = [];
  for (const file of files) {
    urls.push(await subject.store(file));
  }
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
  return { bytes, seconds: await secondsOf(work) };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
