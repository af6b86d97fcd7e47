import type { Migration } from './index.ts';

/**
 * Bytes of small objects, in the embedded database only. A row cannot be without its blob, and goes
 * with it.
 */
export const smallObjects: Migration = {
  name: '0015-small-objects',
  steps: ({ db: { schema }, text, bytes }) =>
    bytes === undefined
      ? []
      : [
          schema
            .createTable('small_objects')
            .addColumn('blob_id', text, (column) =>
              column.primaryKey().notNull().references('blobs.id').onDelete('cascade'),
            )
            .addColumn('bytes', bytes, (column) => column.notNull()),
        ],
};
