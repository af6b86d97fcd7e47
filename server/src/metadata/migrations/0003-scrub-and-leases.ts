import { sql } from 'kysely';
import type { Migration } from './index.ts';

export const scrubAndLeases: Migration = {
  name: '0003-scrub-and-leases',
  steps: ({ db: { schema }, text, byKey }) => [
    schema.alterTable('replicas').addColumn('verified_at', 'bigint'),
    schema
      .createIndex('replicas_broken')
      .on('replicas')
      .column('channel_id')
      .where(sql<boolean>`state <> 'ok'`),

    byKey(
      schema
        .createTable('leases')
        .addColumn('name', text, (column) => column.primaryKey().notNull())
        .addColumn('owner', text, (column) => column.notNull())
        .addColumn('held_until', 'bigint', (column) => column.notNull()),
    ),
  ],
};
