import { sql } from 'kysely';
import type { LibraryStatistics, StatisticsQuery } from '../../core/library-store.ts';
import type { Context } from '../context.ts';
import { dynamic, type Query } from '../work.ts';
import { hourMs } from './folder-counts.ts';

/** From the counts that are kept. Of the files themselves, only the few on lists are counted. */
export async function statisticsOf(
  { flavor: { db }, engine }: Context,
  { from, to, shiftMinutes, maxFolders }: StatisticsQuery,
): Promise<LibraryStatistics> {
  const read = <Row>(query: Query<Row>) => engine.readAside(query);
  const [channels, listed, folders, days] = await Promise.all([
    read(
      dynamic({
        compile: () =>
          sql<{ channel_id: string; files: number }>`select channel_id,
            cast(sum(files) as bigint) as files from files_by_hour group by channel_id`.compile(db),
      }),
    ),
    read(
      dynamic({
        compile: () =>
          sql<{ list_type: 'Block' | 'White'; files: number }>`select list_type,
            cast(count(*) as bigint) as files from files where list_type <> 'None'
            group by list_type`.compile(db),
      }),
    ),
    read(
      dynamic({
        compile: () =>
          sql<{ path: string; files: number }>`select path, cast(sum(files) as bigint) as files
            from folders group by path order by 2 desc, path limit ${maxFolders}`.compile(db),
      }),
    ),
    read(
      dynamic({
        compile: () =>
          sql<{ day: number; channel_id: string; files: number }>`select day, channel_id,
            cast(sum(files) as bigint) as files from (
              select (hour * 60 + ${sql.lit(shiftMinutes)}) / 1440 as day, channel_id, files
              from files_by_hour
              where hour >= ${Math.floor(from / hourMs)} and hour <= ${Math.floor(to / hourMs)}
            ) as shifted group by day, channel_id order by day`.compile(db),
      }),
    ),
  ]);
  const ofChannel = new Map(channels.map(({ channel_id, files }) => [channel_id, files]));
  const total = channels.reduce((sum, { files }) => sum + files, 0);
  const on = (type: 'Block' | 'White') =>
    listed.find(({ list_type }) => list_type === type)?.files ?? 0;
  return {
    ofChannel,
    ofListType: { None: total - on('Block') - on('White'), Block: on('Block'), White: on('White') },
    ofFolder: new Map(folders.map(({ path, files }) => [path, files])),
    days: days.map(({ day, channel_id: channelId, files }) => ({ day, channelId, files })),
  };
}
