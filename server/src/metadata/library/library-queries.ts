import { type RawBuilder, sql } from 'kysely';
import type { FileFilter, LibraryQuery } from '../../core/library-store.ts';
import type { Flavor } from '../flavor.ts';
import type { FileRow } from '../schema.ts';
import { dynamic, type Query } from '../work.ts';
import { type Condition, filterConditions, isBelow, where } from './library-filter.ts';

/** A sub-folder (`''`: the folder itself) and its files. */
export interface ChildRow {
  readonly child: string;
  readonly files: number;
}

/** Queries whose shape depends on the filter. */
export interface LibraryQueries {
  page(query: LibraryQuery, walks: boolean): Query<FileRow>;
  /** Files that match, by sub-folder. */
  children(filter: FileFilter): Query<ChildRow>;
  /** The same for all files, from the counts that are kept. */
  countedChildren(folder: string): Query<ChildRow>;
}

/** Where matching files come from, and the columns that order them. */
interface Source {
  readonly from: RawBuilder<unknown>;
  readonly conditions: readonly Condition[];
  readonly prefix: RawBuilder<unknown>;
  readonly id: RawBuilder<unknown>;
}

export function isUnfiltered({ folder: _, ...filter }: FileFilter): boolean {
  return Object.values(filter).every(
    (value) => value === undefined || value === '' || (Array.isArray(value) && value.length === 0),
  );
}

export function libraryQueries(flavor: Flavor): LibraryQueries {
  const query = <Row>(text: RawBuilder<Row>): Query<Row> =>
    dynamic({ compile: () => text.compile(flavor.db) });

  /** With a tag, its index comes first. */
  const source = ({ includeTags = [] }: FileFilter): Source => {
    const [tag] = includeTags;
    return tag === undefined
      ? { from: sql`files`, conditions: [], prefix: sql.raw('files'), id: sql`files.id` }
      : {
          from: sql`file_tags as tagged cross join files`,
          conditions: [sql`files.id = tagged.file_id`, sql`tagged.tag = ${tag.toLowerCase()}`],
          prefix: sql.raw('tagged'),
          id: sql`tagged.file_id`,
        };
  };

  function scope({ filter, isRecursive }: LibraryQuery, walks: boolean): readonly Condition[] {
    // An expression keeps the planner off the index of folders: the order is what it should walk.
    const column = walks ? sql<string>`(files.folder || '')` : sql<string>`files.folder`;
    return isRecursive
      ? isBelow(filter.folder, column)
      : [sql`${sql`files.folder`} = ${filter.folder}`];
  }

  return {
    page(asked, walks) {
      const { filter, sortBy, limit, offset, after } = asked;
      const { from, conditions, prefix, id } = source(filter);
      const direction = sql.raw(asked.direction);
      const columns = {
        time: sql`${prefix}.created_at ${direction}`,
        name: sql`files.path ${direction}`,
        size: sql`files.size ${direction}`,
      };
      const compare = sql.raw(asked.direction === 'desc' ? '<' : '>');
      const behind: readonly Condition[] =
        after === undefined
          ? []
          : [sql`(${prefix}.created_at, ${id}) ${compare} (${after.createdAt}, ${after.id})`];
      const matching = [
        ...conditions,
        ...scope(asked, walks),
        ...filterConditions(filter, flavor),
        ...behind,
      ];
      const order = sql`order by ${columns[sortBy]}, ${id} ${direction}`;
      const skip = after === undefined ? offset : 0;
      if (skip === 0 || !isUnfiltered(filter)) {
        return query<FileRow>(
          sql`select files.* from ${from} ${where(matching)} ${order} limit ${limit} offset ${skip}`,
        );
      }
      // Skipped over in the index alone.
      return query<FileRow>(sql`select files.* from files where id in (
        select files.id from files ${where(matching)} ${order} limit ${limit} offset ${skip}
      ) ${order}`);
    },

    children(filter) {
      const { from, conditions } = source(filter);
      const matching = [
        ...conditions,
        ...isBelow(filter.folder, sql<string>`files.folder`),
        ...filterConditions(filter, flavor),
      ];
      // By folder first: far fewer texts to cut than files.
      return query<ChildRow>(sql`select child, cast(sum(found) as bigint) as files from (
        select ${childOf(filter.folder, flavor)} as child, found from (
          select files.folder as folder, count(*) as found from ${from} ${where(matching)}
          group by files.folder
        ) as per_folder
      ) as per_child group by child`);
    },

    countedChildren(folder) {
      const matching = isBelow(folder, sql<string>`path`);
      return query<ChildRow>(sql`select child, cast(sum(found) as bigint) as files from (
        select ${childOf(folder, flavor)} as child, found from (
          select path as folder, files as found from folders ${where(matching)}
        ) as per_folder
      ) as per_child group by child`);
    },
  };
}

/** The first segment of `folder` below the given one; empty for itself. */
function childOf(folder: string, { firstSegment }: Flavor): RawBuilder<string> {
  if (folder === '') {
    return firstSegment(sql`folder`);
  }
  const from = [...folder].length + 2;
  return firstSegment(sql`substr(folder, ${sql.lit(from)})`);
}
