import type { Replica, StoredFile } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import { toFile, toReplica } from '../rows.ts';
import type { FileRow, ReplicaRow } from '../schema.ts';
import { statement } from '../work.ts';

type StoredRow = FileRow & {
  blob_size: number;
  blob_hash: string;
  blob_sha256: string | null;
  blob_created_at: number;
  replica_channel_id: string | null;
  segments: string | null;
  state: ReplicaRow['state'] | null;
};

/** A file with its blob and replicas in one round trip, a row per replica. */
export function storedFileQueries({ db }: Flavor) {
  const query = db
    .selectFrom('files')
    .innerJoin('blobs', 'blobs.id', 'files.blob_id')
    .leftJoin('replicas', 'replicas.blob_id', 'files.blob_id')
    .selectAll('files')
    .select([
      'blobs.size as blob_size',
      'blobs.hash as blob_hash',
      'blobs.sha256 as blob_sha256',
      'blobs.created_at as blob_created_at',
      'replicas.channel_id as replica_channel_id',
      'replicas.segments',
      'replicas.state',
    ])
    .orderBy('replicas.channel_id');

  return {
    byId: statement((of: { id: string }) => query.where('files.id', '=', of.id)),
    byPath: statement((of: { path: string }) => query.where('files.path', '=', of.path)),

    fold(rows: readonly StoredRow[]): StoredFile | undefined {
      const [row] = rows;
      if (!row) {
        return undefined;
      }
      const blob = {
        id: row.blob_id,
        size: row.blob_size,
        hash: row.blob_hash,
        sha256: row.blob_sha256,
        createdAt: row.blob_created_at,
      };
      return {
        file: toFile(row),
        blob,
        replicas: rows.flatMap(replicasIn),
      };
    },
  };
}

function replicasIn(row: StoredRow): readonly Replica[] {
  const { blob_id, replica_channel_id: channel_id, segments, state } = row;
  return channel_id === null || segments === null || state === null
    ? []
    : [toReplica({ blob_id, channel_id, segments, state, verified_at: null })];
}
