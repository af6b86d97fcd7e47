import type { Migration } from './index.ts';

/** Finds files by SHA-256. Most blobs have none, because it is computed only where it is needed. */
export const findBySha256: Migration = {
  name: '0007-find-by-sha256',
  steps: ({ db: { schema } }) => [
    schema.createIndex('blobs_sha256').on('blobs').column('sha256').where('sha256', 'is not', null),
  ],
};
