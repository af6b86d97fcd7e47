import type { Migration } from './index.ts';

export const jobLeases: Migration = {
  name: '0005-job-leases',
  steps: ({ db: { schema }, text }) => [schema.alterTable('jobs').addColumn('lease', text)],
};
