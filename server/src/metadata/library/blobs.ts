import type { Blob, Replica } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import { blobRow, replicaRow, toBlob, toReplica } from '../rows.ts';
import type { BlobRow, ReplicaRow } from '../schema.ts';
import { all, first, run, statement, type Work } from '../work.ts';

/** Steps on blobs and replicas, for file transactions. */
export interface BlobQueries {
  /** Keeps an existing row. Returns the stored row, and whether the replica is new. */
  add(
    blob: Blob,
    replica: Replica,
  ): Work<{ readonly blob: Blob; readonly replicas: readonly Replica[]; readonly isNew: boolean }>;
  /** Removes the blob and its replicas if no file points to it. Returns what was removed. */
  removeUnused(id: string): Work<{ readonly size: number; readonly replicas: readonly Replica[] }>;
}

export function blobQueries({ db, lock }: Flavor): BlobQueries {
  type Of = { id: string };
  const insertBlob = statement((row: BlobRow) =>
    db
      .insertInto('blobs')
      .values({
        id: row.id,
        size: row.size,
        hash: row.hash,
        sha256: row.sha256,
        created_at: row.created_at,
      })
      .onConflict((conflict) => conflict.column('id').doNothing()),
  );
  const insertReplica = statement((row: ReplicaRow) =>
    db
      .insertInto('replicas')
      .values({
        blob_id: row.blob_id,
        channel_id: row.channel_id,
        segments: row.segments,
        state: row.state,
      })
      .onConflict((conflict) => conflict.columns(['blob_id', 'channel_id']).doNothing()),
  );
  const getBlob = statement((of: Of) => db.selectFrom('blobs').selectAll().where('id', '=', of.id));
  const lockBlob = statement((of: Of) =>
    lock(db.selectFrom('blobs').selectAll().where('id', '=', of.id)),
  );
  const replicasOf = statement((of: Of) =>
    db.selectFrom('replicas').selectAll().where('blob_id', '=', of.id).orderBy('channel_id'),
  );
  const fileOf = statement((of: Of) =>
    db.selectFrom('files').select('id').where('blob_id', '=', of.id).limit(1),
  );
  const deleteReplicas = statement((of: Of) =>
    db.deleteFrom('replicas').where('blob_id', '=', of.id),
  );
  const deleteBlob = statement((of: Of) => db.deleteFrom('blobs').where('id', '=', of.id));
  return {
    *add(blob, replica) {
      const isNewBlob = (yield* run(insertBlob({ ...blobRow(blob) }))) > 0;
      const isNew =
        (yield* run(insertReplica({ ...replicaRow({ ...replica, blobId: blob.id }) }))) > 0;
      if (isNewBlob) {
        return { blob, replicas: [{ ...replica, blobId: blob.id }], isNew };
      }
      const row = yield* first(getBlob({ id: blob.id }));
      const replicas = (yield* all(replicasOf({ id: blob.id }))).map(toReplica);
      return { blob: row ? toBlob(row) : blob, replicas, isNew };
    },

    *removeUnused(id) {
      const blob = yield* first(lockBlob({ id }));
      if (!blob || (yield* first(fileOf({ id })))) {
        return { size: 0, replicas: [] };
      }
      const replicas = (yield* all(replicasOf({ id }))).map(toReplica);
      yield* run(deleteReplicas({ id }));
      yield* run(deleteBlob({ id }));
      return { size: blob.size, replicas };
    },
  };
}
