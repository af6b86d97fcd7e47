import type { Migration } from './index.ts';

/**
 * Paths that are given only once. Earlier files were all served as immutable, so none of their
 * paths may be given again.
 */
export const spentPaths: Migration = {
  name: '0002-spent-paths',
  steps: ({ db: { schema }, text, byKey }) => [
    schema
      .alterTable('files')
      .addColumn('given_once', 'integer', (column) => column.notNull().defaultTo(1)),
    byKey(
      schema
        .createTable('spent_paths')
        .addColumn('path', text, (column) => column.primaryKey().notNull())
        .addColumn('spent_at', 'bigint', (column) => column.notNull()),
    ),
  ],
};
