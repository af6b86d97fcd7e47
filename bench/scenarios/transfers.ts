import { stat } from 'node:fs/promises';
import { syncFileSystem } from '../disk.ts';
import { curl, curlAll, curlInTurn } from '../load/curl.ts';
import { type Outcome, percentile, secondsOf } from '../outcome.ts';
import type { Subject } from '../subject.ts';
import type { Context, Scenario, Work } from './scenario.ts';

const MIB = 2 ** 20;
const PARALLEL = 50;
const CHUNKS_AT_ONCE = 6;
const READS = 10;

/** Few large bodies. */
export const transferScenarios: readonly Scenario[] = [
  {
    id: 'raw',
    title: 'upload 1 GiB, raw body',
    prepare: (subject, { samples }) =>
      uploads(subject, { way: subject.rawUpload, file: samples.large, count: 1, samples }),
  },
  {
    id: 'form',
    title: 'upload 1 GiB, multipart form',
    comparedWith: 'raw',
    prepare: (subject, { samples }) =>
      uploads(subject, { way: subject.formUpload, file: samples.large, count: 1, samples }),
  },
  {
    id: 'raw50',
    title: `upload ${PARALLEL} x 100 MiB at once, raw bodies`,
    prepare: (subject, { samples }) =>
      uploads(subject, { way: subject.rawUpload, file: samples.medium, count: PARALLEL, samples }),
  },
  ...[5, 8, 16].map((mebibytes) => ({
    id: `chunks${mebibytes}`,
    title: `upload 1 GiB in chunks of ${mebibytes} MiB, ${CHUNKS_AT_ONCE} at once`,
    comparedWith: 'raw',
    prepare: (subject: Subject, context: Context) => inChunks(subject, context, mebibytes * MIB),
  })),
  {
    id: 'read90',
    title: `read 90 MB, one caller, ${READS} times`,
    prepare: largeReads,
  },
];

interface Uploads extends Pick<Context, 'samples'> {
  readonly way: Subject['rawUpload'];
  readonly file: string;
  readonly count: number;
}

async function uploads(
  { syncs }: Subject,
  { way, file, count, samples }: Uploads,
): Promise<Work | undefined> {
  if (way === undefined) {
    return undefined;
  }
  await curl(await way(samples.medium));
  const { size } = await stat(file);
  const all = await Promise.all(Array.from({ length: count }, () => way(file)));
  return () =>
    timed(size * count, async () => {
      const waits = await curlAll(all);
      if (syncs === undefined) {
        return waits;
      }
      await syncFileSystem(syncs);
      return [];
    });
}

async function inChunks(
  subject: Subject,
  { samples }: Context,
  chunkBytes: number,
): Promise<Work | undefined> {
  if (subject.chunkedUpload === undefined || subject.formUpload === undefined) {
    return undefined;
  }
  await curl(await subject.formUpload(samples.medium));
  const { size } = await stat(samples.large);
  const pieces = await samples.cut(chunkBytes);
  const { chunks, merge } = await subject.chunkedUpload(pieces.files);
  return async () => {
    try {
      return await timed(size, async () => {
        const waits = await curlInTurn(chunks, CHUNKS_AT_ONCE);
        await curl(merge);
        return waits;
      });
    } finally {
      await pieces.remove();
    }
  };
}

async function largeReads(subject: Subject, { samples }: Context): Promise<Work | undefined> {
  const url = await subject.store?.(samples.ninety);
  if (url === undefined) {
    return undefined;
  }
  const { size } = await stat(samples.ninety);
  const reads = Array.from({ length: READS }, () => ['-o', '/dev/null', url]);
  await curlInTurn(reads.slice(0, 2), 1);
  return () => timed(size * READS, () => curlInTurn(reads, 1));
}

/** `work` returns the seconds of each transfer that a caller waited for. */
async function timed(bytes: number, work: () => Promise<readonly number[]>): Promise<Outcome> {
  let waits: readonly number[] = [];
  const seconds = await secondsOf(async () => {
    waits = await work();
  });
  const ms = waits.length > 1 ? waits.map((wait) => wait * 1000) : [];
  return { bytes, seconds, p50Ms: percentile(ms, 50), p99Ms: percentile(ms, 99) };
}
