import { z } from 'zod';
import type { LibraryStatistics } from '../../../core/library-store.ts';
import type { ChannelPool, ConfiguredChannel } from '../../../core/storage/channel-pool.ts';
import type { Fields } from '../../body/urlencoded-form.ts';

const dayMs = 86_400_000;

const grouped = () =>
  z.strictObject({
    series: z.array(z.strictObject({ name: z.string(), data: z.array(z.int()), total: z.int() })),
    totalSeries: z.int(),
    limited: z.boolean(),
  });

export const uploadTrend = () =>
  z.strictObject({
    labels: z.array(z.string()).meta({ description: 'The first day of each point.' }),
    total: z.array(z.int()),
    bucketSizeDays: z.int(),
    maxPoints: z.int(),
    seriesLimit: z.int(),
    range: z.strictObject({ startDate: z.string(), endDate: z.string() }),
    groupBy: z.strictObject({ channel: grouped(), channelName: grouped() }),
  });

export interface TrendQuery {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly shiftMinutes: number;
  /** Days since the epoch in local time. */
  readonly firstDay: number;
  readonly lastDay: number;
  readonly maxPoints: number;
  readonly seriesLimit: number;
}

/** Upload API 4.3: what is missing or malformed has its default. */
export function readTrendQuery(
  fields: Fields,
  { now, oldestAt }: { readonly now: number; readonly oldestAt: number },
): TrendQuery {
  const shiftMinutes = -within(fields.timezoneOffset, { least: -1440, most: 1440, other: 0 });
  const dayOf = (at: number) => Math.floor((at + shiftMinutes * 60_000) / dayMs);
  const lastDay = dayOfDate(fields.trendEndDate) ?? dayOf(now);
  const firstDay = Math.min(lastDay, dayOfDate(fields.trendStartDate) ?? dayOf(oldestAt));
  const startOf = (day: number) => Math.max(0, day * dayMs - shiftMinutes * 60_000);
  return {
    from: startOf(firstDay),
    to: Math.max(0, startOf(lastDay + 1) - 1),
    shiftMinutes,
    firstDay,
    lastDay,
    maxPoints: within(fields.trendMaxPoints, { least: 7, most: 366, other: 90 }),
    seriesLimit: within(fields.trendSeriesLimit, { least: 1, most: 20, other: 8 }),
  };
}

export function presentTrend(
  days: LibraryStatistics['days'],
  query: TrendQuery,
  pool: Pick<ChannelPool, 'all'>,
) {
  const { firstDay, lastDay, maxPoints, seriesLimit } = query;
  const bucketSizeDays = Math.max(1, Math.ceil((lastDay - firstDay + 1) / maxPoints));
  const points = Math.floor((lastDay - firstDay) / bucketSizeDays) + 1;
  const channels = new Map(pool.all().map((channel) => [channel.id, channel]));

  const seriesOf = (nameOf: (channel: ConfiguredChannel | undefined) => string) => {
    const found = new Map<string, number[]>();
    for (const { day, channelId, files } of days) {
      const name = nameOf(channels.get(channelId));
      const data = found.get(name) ?? Array<number>(points).fill(0);
      const at = Math.floor((day - firstDay) / bucketSizeDays);
      if (at >= 0 && at < points) {
        data[at] = (data[at] ?? 0) + files;
      }
      found.set(name, data);
    }
    return [...found]
      .map(([name, data]) => ({ name, data, total: data.reduce((sum, each) => sum + each, 0) }))
      .sort((one, other) => other.total - one.total);
  };
  const grouped = (nameOf: (channel: ConfiguredChannel | undefined) => string) => {
    const all = seriesOf(nameOf);
    return {
      series: all.slice(0, seriesLimit),
      totalSeries: all.length,
      limited: all.length > seriesLimit,
    };
  };
  const [sum] = seriesOf(() => 'total');
  return {
    labels: Array.from({ length: points }, (_, at) => dateOf(firstDay + at * bucketSizeDays)),
    total: sum?.data ?? Array<number>(points).fill(0),
    bucketSizeDays,
    maxPoints,
    seriesLimit,
    range: { startDate: dateOf(firstDay), endDate: dateOf(lastDay) },
    groupBy: {
      channel: grouped((channel) => shownLabel(channel?.label)),
      channelName: grouped((channel) => channel?.name ?? 'Unknown'),
    },
  };
}

/** Upload API 4.3: `TelegramNew` shows as `Telegram` here. */
export function shownLabel(label = 'Unknown'): string {
  return label === 'TelegramNew' ? 'Telegram' : label;
}

function within(
  text: string | undefined,
  { least, most, other }: { readonly least: number; readonly most: number; readonly other: number },
): number {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isNaN(value) ? other : Math.min(most, Math.max(least, value));
}

function dayOfDate(text = ''): number | undefined {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at / dayMs;
}

function dateOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}
