import { type Compilable, sql } from 'kysely';
import type { Flavor } from '../flavor.ts';
import type { Migration } from './index.ts';

/** What lists, searches and statistics of a large library read instead of its files. */
export const libraryIndex: Migration = {
  name: '0009-library-index',
  steps: (flavor) => [
    ...fileColumns(flavor),
    ...derivedTables(flavor),
    ...backfill(flavor),
    ...searchIndex(flavor),
  ],
};

function fileColumns({ db: { schema }, text }: Flavor): readonly Compilable[] {
  const empty = sql.lit('');
  return [
    schema
      .alterTable('files')
      .addColumn('owner', text, (column) => column.notNull().defaultTo(sql.lit('owner'))),
    schema
      .alterTable('files')
      .addColumn('channel_id', text, (column) => column.notNull().defaultTo(empty)),
    schema
      .alterTable('files')
      .addColumn('search_text', text, (column) => column.notNull().defaultTo(empty)),
    schema.createIndex('files_of_folder').on('files').columns(['folder', 'created_at', 'id']),
    schema
      .createIndex('files_of_owner')
      .on('files')
      .columns(['owner', 'created_at', 'id'])
      .where('owner', '<>', sql.lit('owner')),
    schema
      .createIndex('files_listed')
      .on('files')
      .columns(['list_type', 'created_at', 'id'])
      .where('list_type', '<>', sql.lit('None')),
    schema.alterTable('spent_paths').addColumn('file_id', text),
    schema
      .alterTable('spent_paths')
      .addColumn('given_once', 'integer', (column) => column.notNull().defaultTo(1)),
    schema
      .createIndex('spent_paths_of_file')
      .on('spent_paths')
      .column('file_id')
      .where('file_id', 'is not', null),
  ];
}

function derivedTables({ db: { schema }, text, byKey }: Flavor): readonly Compilable[] {
  return [
    byKey(
      schema
        .createTable('folders')
        .addColumn('path', text, (column) => column.notNull())
        .addColumn('shard', 'bigint', (column) => column.notNull())
        .addColumn('files', 'bigint', (column) => column.notNull())
        .addColumn('bytes', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('folders_pkey', ['path', 'shard']),
    ),
    byKey(
      schema
        .createTable('file_tags')
        .addColumn('tag', text, (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('file_id', text, (column) => column.notNull())
        .addPrimaryKeyConstraint('file_tags_pkey', ['tag', 'created_at', 'file_id']),
    ),
    byKey(
      schema
        .createTable('files_by_hour')
        .addColumn('hour', 'bigint', (column) => column.notNull())
        .addColumn('channel_id', text, (column) => column.notNull())
        .addColumn('shard', 'bigint', (column) => column.notNull())
        .addColumn('files', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('files_by_hour_pkey', ['hour', 'channel_id', 'shard']),
    ),
  ];
}

function backfill({ db, eachTag, shardOf }: Flavor): readonly Compilable[] {
  return [
    sql`update files set
      channel_id = coalesce((select min(channel_id) from replicas where blob_id = files.blob_id), ''),
      search_text = lower(filename || ' / ' || path)`,
    sql`insert into folders (path, shard, files, bytes)
      select folder, shard, count(*), sum(size)
      from (select folder, ${shardOf} as shard, size from files) as file
      group by folder, shard`,
    sql`insert into files_by_hour (hour, channel_id, shard, files)
      select hour, channel_id, shard, count(*)
      from (select created_at / 3600000 as hour, channel_id, ${shardOf} as shard from files) as file
      group by hour, channel_id, shard`,
    sql`insert into file_tags (tag, created_at, file_id)
      select distinct lower(tag.value), files.created_at, files.id from files, ${eachTag}
      where lower(tag.value) <> ''`,
  ].map((step) => ({ compile: () => step.compile(db) }));
}

/**
 * SQLite finds substrings in trigrams that are written in batches, so that an upload only notes its
 * file as pending. PostgreSQL has its own trigrams where their extension can be had, and otherwise
 * compares every name.
 */
function searchIndex({ db, text, byKey, database }: Flavor): readonly Compilable[] {
  const { schema } = db;
  if (database === 'postgresql') {
    const trigrams = sql`do $$ begin
      create extension if not exists pg_trgm;
      create index files_search on files using gin (search_text gin_trgm_ops);
    exception when others then
      raise notice 'pg_trgm cannot be had: searches compare every name';
    end $$`;
    return [{ compile: () => trigrams.compile(db) }];
  }
  const steps = [
    sql`create virtual table search_index using fts5(
      text, content = '', contentless_delete = 1, tokenize = 'trigram')`,
    sql`insert into search_pending (file_id) select id from files`,
  ];
  return [
    schema
      .createTable('search_docs')
      .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('file_id', text, (column) => column.notNull().unique()),
    byKey(
      schema
        .createTable('search_pending')
        .addColumn('file_id', text, (column) => column.primaryKey().notNull()),
    ),
    ...steps.map((step) => ({ compile: () => step.compile(db) })),
  ];
}
