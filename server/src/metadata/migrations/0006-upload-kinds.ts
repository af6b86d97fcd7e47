import { sql } from 'kysely';
import type { Migration } from './index.ts';

/**
 * Columns that filter lists of unfinished uploads, and the space these reserve. Earlier uploads
 * reserve none.
 */
export const uploadKinds: Migration = {
  name: '0006-upload-kinds',
  steps: ({ db, text }) => [
    db.schema.alterTable('uploads').addColumn('category', text),
    db.schema
      .alterTable('uploads')
      .addColumn('expected_bytes', 'bigint', (column) => column.notNull().defaultTo(0)),
    db.schema
      .createIndex('uploads_of_channel')
      .on('uploads')
      .column('channel_id')
      .where(sql<boolean>`state = 'open'`),
    // As JSON.stringify writes it. Inside a text the quotes would be escaped.
    ...(['image', 'video', 'document'] as const).map((category) =>
      db
        .updateTable('uploads')
        .set({ category })
        .where('details', 'like', `%"category":"${category}"%`),
    ),
  ],
};
