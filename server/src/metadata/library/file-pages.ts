import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { Category, FileQuery } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import type { FileRow, Schema } from '../schema.ts';
import { type Query, statement } from '../work.ts';

/** One page of files, newest first, as a query. Its rows may be in reverse order. */
export interface FilePage {
  readonly query: Query<FileRow>;
  readonly isReversed: boolean;
}

/** Up to here, skipping is cheaper than the alternative. */
const shallow = 1_000;

type Filter = { category: Category };
type Skip = { limit: number; offset: number };
type After = { limit: number; createdAt: number; id: string };
type Files<Row> = SelectQueryBuilder<Schema, 'files', Row>;

/**
 * Pages by position cost the same at any depth. Pages by offset skip over the index alone, from the
 * nearer end, to find the first file, and the page begins there.
 */
export function filePages({ db }: Flavor): (query: FileQuery, total: number) => FilePage {
  const files = () => db.selectFrom('files');
  const inCategory = (of: Filter) => files().where('category', '=', of.category);
  const all = pagesOf(files);
  const some = pagesOf(inCategory);

  return ({ category, limit, offset, after }, total) => {
    const of = category === undefined ? all : some;
    const filter = { category: category ?? 'other' } as const;
    if (after !== undefined) {
      return { query: of.after({ ...filter, ...after, limit }), isReversed: false };
    }
    if (offset <= shallow) {
      return { query: of.near({ ...filter, limit, offset }), isReversed: false };
    }
    const behind = total - offset - limit;
    if (offset <= behind) {
      return { query: of.deep({ ...filter, limit, offset }), isReversed: false };
    }
    const rest = { limit: Math.max(0, limit + Math.min(0, behind)), offset: Math.max(0, behind) };
    return { query: of.fromEnd({ ...filter, ...rest }), isReversed: true };
  };
}

function pagesOf(from: (of: Filter) => Files<object>) {
  const position = sql`(created_at, id)`;
  const ordered = <Row>(query: Files<Row>, direction: 'asc' | 'desc') =>
    query.orderBy('created_at', direction).orderBy('id', direction);
  /** The position where the page begins, from the index alone. */
  const anchor = (of: Filter & Skip, direction: 'asc' | 'desc') =>
    ordered(from(of).select(['created_at', 'id']), direction)
      .limit(1)
      .offset(of.offset);
  const beginning = (of: Filter & Skip, direction: 'asc' | 'desc') => {
    const isIn = sql<SqlBool>`${position} ${direction === 'desc' ? sql`<=` : sql`>=`} ${anchor(of, direction)}`;
    return ordered(from(of).selectAll().where(isIn), direction).limit(of.limit);
  };
  return {
    near: statement((of: Filter & Skip) =>
      ordered(from(of).selectAll(), 'desc').limit(of.limit).offset(of.offset),
    ),
    deep: statement((of: Filter & Skip) => beginning(of, 'desc')),
    fromEnd: statement((of: Filter & Skip) => beginning(of, 'asc')),
    after: statement((of: Filter & After) =>
      ordered(
        from(of).selectAll().where(sql<SqlBool>`${position} < (${of.createdAt}, ${of.id})`),
        'desc',
      ).limit(of.limit),
    ),
  };
}
