import type { Migration } from './index.ts';

/** Addresses that may upload nothing, and the files of each address. */
export const blockedAddresses: Migration = {
  name: '0014-blocked-addresses',
  steps: ({ db: { schema }, text, byKey }) => [
    byKey(
      schema
        .createTable('blocked_addresses')
        .addColumn('address', text, (column) => column.primaryKey().notNull())
        .addColumn('blocked_at', 'bigint', (column) => column.notNull()),
    ),
    schema
      .createIndex('files_of_address')
      .on('files')
      .columns(['ip', 'created_at', 'id'])
      .where('ip', 'is not', null),
  ],
};
