import type { Migration } from './index.ts';

/** Channels that are created at run time. Those of the configuration have no `settings`. */
export const storedChannels: Migration = {
  name: '0010-stored-channels',
  steps: ({ db: { schema }, text }) => [
    schema.alterTable('channels').addColumn('settings', text),
    schema.alterTable('channels').addColumn('options', text),
    schema
      .alterTable('channels')
      .addColumn('enabled', 'integer', (column) => column.notNull().defaultTo(1)),
    schema
      .alterTable('channels')
      .addColumn('draining', 'integer', (column) => column.notNull().defaultTo(0)),
    schema
      .alterTable('channels')
      .addColumn('position', 'integer', (column) => column.notNull().defaultTo(0)),
    schema.alterTable('channels').addColumn('removed_at', 'bigint'),
  ],
};
