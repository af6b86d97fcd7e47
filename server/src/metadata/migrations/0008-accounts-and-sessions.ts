import type { Migration } from './index.ts';

/** People who sign in, and what their browsers keep. */
export const accountsAndSessions: Migration = {
  name: '0008-accounts-and-sessions',
  steps: ({ db: { schema }, text, byKey }) => [
    schema
      .createTable('accounts')
      .addColumn('id', text, (column) => column.primaryKey().notNull())
      .addColumn('name', text, (column) => column.notNull().unique())
      .addColumn('password_hash', text, (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull()),

    byKey(
      schema
        .createTable('sessions')
        .addColumn('hash', text, (column) => column.primaryKey().notNull())
        .addColumn('id', text, (column) => column.notNull().unique())
        .addColumn('kind', text, (column) => column.notNull())
        .addColumn('account_id', text)
        .addColumn('code_mark', text)
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('expires_at', 'bigint', (column) => column.notNull())
        .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
        .addColumn('ip', text, (column) => column.notNull())
        .addColumn('user_agent', text, (column) => column.notNull()),
    ),
    schema.createIndex('sessions_newest').on('sessions').columns(['created_at', 'id']),
    schema.createIndex('sessions_expiry').on('sessions').column('expires_at'),
  ],
};
