import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { FileFilter } from '../../core/library-store.ts';
import type { Flavor } from '../flavor.ts';

export type Condition = RawBuilder<SqlBool>;

const all = (list: readonly unknown[] | undefined): list is undefined | [] =>
  list === undefined || list.length === 0;

/** Below a folder, itself included, of a table's column. The root has no condition. */
export function isBelow(folder: string, column: RawBuilder<string>): readonly Condition[] {
  if (folder === '') {
    return [];
  }
  // `a-b` sorts between `a` and `a/b`.
  return [
    sql`${column} >= ${folder} and ${column} < ${`${folder}0`}`,
    sql`(${column} = ${folder} or ${column} >= ${`${folder}/`})`,
  ];
}

/**
 * Conditions on `files` without the folder. The first tag of `includeTags` is left to the caller.
 */
export function filterConditions(filter: FileFilter, flavor: Flavor): readonly Condition[] {
  const { includeTags = [], excludeTags = [], text, isBlocked } = filter;
  const conditions: Condition[] = [];
  const oneOf = (column: RawBuilder<string>, list: readonly string[] | undefined): void => {
    if (!all(list)) {
      conditions.push(sql`${column} in (${sql.join(list)})`);
    }
  };
  oneOf(sql`files.channel_id`, filter.channelIds);
  oneOf(sql`files.list_type`, filter.listTypes);
  oneOf(sql`files.label`, filter.labels);
  oneOf(sql`files.category`, filter.categories);
  conditions.push(...includeTags.slice(1).map(hasTag));
  conditions.push(...excludeTags.map((tag): Condition => sql`not ${hasTag(tag)}`));
  if (isBlocked !== undefined) {
    const blocked = sql`(files.list_type = 'Block' or (files.label = 'adult' and files.list_type <> 'White'))`;
    conditions.push(isBlocked ? sql`${blocked}` : sql`not ${blocked}`);
  }
  if (text !== undefined && text !== '') {
    conditions.push(flavor.contains(sql`files.search_text`, text.toLowerCase()));
  }
  return conditions;
}

function hasTag(tag: string): Condition {
  return sql`exists (select 1 from file_tags as other where other.tag = ${tag.toLowerCase()}
    and other.created_at = files.created_at and other.file_id = files.id)`;
}

export function where(conditions: readonly Condition[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`;
}
