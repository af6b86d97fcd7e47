import type { Migration } from './index.ts';

export const createTables: Migration = {
  name: '0001-create-tables',
  steps: ({ db: { schema }, text, byKey }) => [
    byKey(
      schema
        .createTable('blobs')
        .addColumn('id', text, (column) => column.primaryKey().notNull())
        .addColumn('size', 'bigint', (column) => column.notNull())
        .addColumn('hash', text, (column) => column.notNull())
        .addColumn('sha256', text)
        .addColumn('created_at', 'bigint', (column) => column.notNull()),
    ),

    schema
      .createTable('files')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('path', text, (column) => column.notNull().unique())
      .addColumn('folder', text, (column) => column.notNull())
      .addColumn('filename', text, (column) => column.notNull())
      .addColumn('blob_id', text, (column) => column.notNull().references('blobs.id'))
      .addColumn('content_type', text, (column) => column.notNull())
      .addColumn('category', text, (column) => column.notNull())
      .addColumn('size', 'bigint', (column) => column.notNull())
      .addColumn('width', 'bigint')
      .addColumn('height', 'bigint')
      .addColumn('duration_seconds', 'double precision')
      .addColumn('tags', text, (column) => column.notNull())
      .addColumn('list_type', text, (column) => column.notNull())
      .addColumn('label', text, (column) => column.notNull())
      .addColumn('uploader', text)
      .addColumn('ip', text)
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull()),
    schema.createIndex('files_newest').on('files').columns(['created_at', 'id']),
    schema
      .createIndex('files_newest_of_category')
      .on('files')
      .columns(['category', 'created_at', 'id']),
    schema.createIndex('files_of_blob').on('files').column('blob_id'),

    byKey(
      schema
        .createTable('replicas')
        .addColumn('blob_id', text, (column) => column.notNull().references('blobs.id'))
        .addColumn('channel_id', text, (column) => column.notNull())
        .addColumn('segments', text, (column) => column.notNull())
        .addColumn('state', text, (column) => column.notNull())
        .addPrimaryKeyConstraint('replicas_pkey', ['blob_id', 'channel_id']),
    ),

    schema
      .createTable('channels')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('type', text, (column) => column.notNull())
      .addColumn('name', text, (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addUniqueConstraint('channels_name', ['type', 'name']),

    byKey(
      schema
        .createTable('counters')
        .addColumn('name', text, (column) => column.notNull())
        .addColumn('shard', 'bigint', (column) => column.notNull())
        .addColumn('items', 'bigint', (column) => column.notNull())
        .addColumn('bytes', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('counters_pkey', ['name', 'shard']),
    ),

    schema
      .createTable('uploads')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('state', text, (column) => column.notNull())
      .addColumn('version', 'bigint', (column) => column.notNull())
      .addColumn('owner', text, (column) => column.notNull())
      .addColumn('channel_id', text, (column) => column.notNull())
      .addColumn('details', text, (column) => column.notNull())
      .addColumn('storage_id', text)
      .addColumn('result', text, (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull()),
    schema.createIndex('uploads_newest').on('uploads').columns(['created_at', 'id']),
    schema.createIndex('uploads_expiry').on('uploads').columns(['expires_at', 'id']),
    schema.createIndex('uploads_of_owner').on('uploads').columns(['owner', 'kind', 'state']),
    schema
      .createIndex('uploads_storage')
      .on('uploads')
      .column('storage_id')
      .where('storage_id', 'is not', null),

    byKey(
      schema
        .createTable('upload_parts')
        .addColumn('upload_id', text, (column) =>
          column.notNull().references('uploads.id').onDelete('cascade'),
        )
        .addColumn('part_index', 'bigint', (column) => column.notNull())
        .addColumn('state', text, (column) => column.notNull())
        .addColumn('storage_id', text, (column) => column.notNull())
        .addColumn('size', 'bigint', (column) => column.notNull())
        .addColumn('segments', text, (column) => column.notNull())
        .addColumn('native', text, (column) => column.notNull())
        .addColumn('hash', text, (column) => column.notNull())
        .addColumn('updated_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('upload_parts_pkey', ['upload_id', 'part_index']),
    ),
    schema.createIndex('upload_parts_storage').on('upload_parts').column('storage_id'),

    schema
      .createTable('tokens')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('name', text, (column) => column.notNull())
      .addColumn('owner', text, (column) => column.notNull())
      .addColumn('hash', text, (column) => column.notNull().unique())
      .addColumn('prefix', text, (column) => column.notNull())
      .addColumn('permissions', text, (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint')
      .addColumn('auto_delete', 'integer', (column) => column.notNull())
      .addColumn('last_used_at', 'bigint'),

    byKey(
      schema
        .createTable('settings')
        .addColumn('name', text, (column) => column.primaryKey().notNull())
        .addColumn('value', text, (column) => column.notNull()),
    ),

    schema
      .createTable('jobs')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('kind', text, (column) => column.notNull())
      .addColumn('payload', text, (column) => column.notNull())
      .addColumn('run_at', 'bigint', (column) => column.notNull())
      .addColumn('attempts', 'bigint', (column) => column.notNull())
      .addColumn('last_error', text),
    schema.createIndex('jobs_due').on('jobs').columns(['run_at', 'id']),

    byKey(
      schema
        .createTable('idempotency')
        .addColumn('owner', text, (column) => column.notNull())
        .addColumn('key', text, (column) => column.notNull())
        .addColumn('request_hash', text, (column) => column.notNull())
        .addColumn('claimed_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('response', text)
        .addPrimaryKeyConstraint('idempotency_pkey', ['owner', 'key']),
    ),
    schema.createIndex('idempotency_expiry').on('idempotency').column('expires_at'),
  ],
};
