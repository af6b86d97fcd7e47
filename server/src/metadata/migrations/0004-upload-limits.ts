import type { Migration } from './index.ts';

/**
 * Columns by which unfinished uploads are limited. Earlier uploads have no network, and count what
 * they receive from now on.
 */
export const uploadLimits: Migration = {
  name: '0004-upload-limits',
  steps: ({ db: { schema }, text }) => [
    schema.alterTable('uploads').addColumn('network', text),
    schema
      .alterTable('uploads')
      .addColumn('received_bytes', 'bigint', (column) => column.notNull().defaultTo(0)),
    schema
      .createIndex('uploads_of_network')
      .on('uploads')
      .columns(['network', 'owner', 'kind', 'state'])
      .where('network', 'is not', null),
  ],
};
