import { z } from 'zod';
import type { LibraryStatistics } from '../../../core/library-store.ts';
import type { FileRecord } from '../../../core/metadata.ts';
import type { Fields } from '../../body/urlencoded-form.ts';
import type { HttpDeps } from '../../deps.ts';
import { named } from '../../openapi/named.ts';
import { exampleMetadata, fileMetadata, presentMetadata } from './present-file.ts';
import { presentTrend, readTrendQuery, shownLabel, uploadTrend } from './upload-trend.ts';

const maxFolders = 1_000;

const counts = () => z.record(z.string(), z.int());
const edgeFile = () => z.strictObject({ id: z.string(), metadata: fileMetadata() }).nullable();

export const infoAnswer = named('LibraryInfo', () =>
  z.strictObject({
    success: z.literal(true),
    totalFiles: z.int(),
    lastUpdated: z.int(),
    channelStats: counts().meta({ description: 'Files by type of channel.' }),
    directoryStats: counts().meta({
      description: `Files directly in each folder, \`a/b/\`; the ${maxFolders} largest.`,
    }),
    typeStats: counts().meta({ description: 'Files by list: `None`, `Block`, `White`.' }),
    uploadTrend: uploadTrend(),
    oldestFile: edgeFile(),
    newestFile: edgeFile(),
  }),
);

const exampleFile = { id: 'img/test/abc123_photo.jpg', metadata: exampleMetadata };
const series = { series: [{ name: 'Local', data: [1], total: 1 }], totalSeries: 1, limited: false };

export const exampleInfo = {
  success: true,
  totalFiles: 1,
  lastUpdated: 1_796_000_000_000,
  channelStats: { Local: 1 },
  directoryStats: { 'img/test/': 1 },
  typeStats: { None: 1, Block: 0, White: 0 },
  uploadTrend: {
    labels: ['2026-11-30'],
    total: [1],
    bucketSizeDays: 1,
    maxPoints: 90,
    seriesLimit: 8,
    range: { startDate: '2026-11-30', endDate: '2026-11-30' },
    groupBy: { channel: series, channelName: series },
  },
  oldestFile: exampleFile,
  newestFile: exampleFile,
};

/** Upload API 4.3, `action=info`. */
export async function libraryInfo(fields: Fields, deps: HttpDeps) {
  const { metadata, pool, now } = deps;
  const [oldest, newest] = await Promise.all([edge('asc', deps), edge('desc', deps)]);
  const query = readTrendQuery(fields, { now: now(), oldestAt: oldest?.createdAt ?? now() });
  const { from, to, shiftMinutes } = query;
  const found = await metadata.library.statistics({ from, to, shiftMinutes, maxFolders });
  const show = (file: FileRecord | undefined) =>
    file === undefined ? null : { id: file.path, metadata: presentMetadata(file, pool) };
  return {
    success: true,
    totalFiles: [...found.ofChannel.values()].reduce((sum, files) => sum + files, 0),
    lastUpdated: now(),
    channelStats: byLabel(found, deps),
    directoryStats: Object.fromEntries(
      [...found.ofFolder].map(([path, files]) => [`${path}/`, files]),
    ),
    typeStats: found.ofListType,
    uploadTrend: presentTrend(found.days, query, pool),
    oldestFile: show(oldest),
    newestFile: show(newest),
  };
}

async function edge(direction: 'asc' | 'desc', { metadata }: HttpDeps) {
  const [file] = await metadata.library.page({
    filter: { folder: '' },
    isRecursive: true,
    sortBy: 'time',
    direction,
    limit: 1,
    offset: 0,
  });
  return file;
}

function byLabel({ ofChannel }: LibraryStatistics, { pool }: HttpDeps): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [id, files] of ofChannel) {
    const label = shownLabel(pool.all().find((channel) => channel.id === id)?.label);
    sums.set(label, (sums.get(label) ?? 0) + files);
  }
  return Object.fromEntries([...sums].filter(([, files]) => files > 0));
}
