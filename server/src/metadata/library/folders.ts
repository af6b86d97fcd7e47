import { sql } from 'kysely';
import type { FolderCount, FolderStore } from '../../core/folder-store.ts';
import type { Context } from '../context.ts';
import { toFile } from '../rows.ts';
import { dynamic, type Query, statement } from '../work.ts';
import { isBelow, where } from './library-filter.ts';

export function folderStore({ flavor: { db }, engine }: Context): FolderStore {
  const paths = statement(() =>
    db.selectFrom('folders').select('path').distinct().where('files', '>', 0).orderBy('path'),
  );
  // Skipped over in the index alone.
  const fileAt = statement((of: { folder: string; place: number }) =>
    db
      .selectFrom('files')
      .selectAll()
      .where('id', '=', (files) =>
        files
          .selectFrom('files')
          .select('id')
          .where('folder', '=', of.folder)
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(1)
          .offset(of.place),
      ),
  );
  /**
   * In the order of paths, the folder with which the sum of all before it passes a share of all.
   */
  const weighted = (folder: string, at: number): Query<FolderCount> => {
    const counted = sql`select path, sum(files) as held from folders
      ${where(isBelow(folder, sql<string>`path`))} group by path`;
    const text = sql<FolderCount>`select path, cast(held as bigint) as files from (
        select path, held, sum(held) over (order by path) as upto, sum(held) over () as everything
        from (${counted}) as per_folder
      ) as summed
      where upto > everything * cast(${at} as double precision) and held > 0
      order by path limit 1`;
    return dynamic({ compile: () => text.compile(db) });
  };

  return {
    async paths() {
      return (await engine.read(paths({}))).map(({ path }) => path);
    },
    async weighted(folder, at) {
      const [row] = await engine.read(weighted(folder, at));
      return row;
    },
    async fileAt(folder, place) {
      const [row] = await engine.read(fileAt({ folder, place }));
      return row && toFile(row);
    },
  };
}
