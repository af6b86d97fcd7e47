import type { FileRecord, Replica } from '../../core/metadata.ts';
import type { RecordStore } from '../../core/record-store.ts';
import type { Context } from '../context.ts';
import { toBlob, toFile, toJson, toReplica } from '../rows.ts';
import { statement } from '../work.ts';
import { filePages } from './file-pages.ts';

export function recordStore({ flavor, engine }: Context): RecordStore {
  const { db, isIn } = flavor;
  type Of = { ids: readonly string[] };
  const pages = filePages(flavor);
  const blobs = statement((of: Of) => db.selectFrom('blobs').selectAll().where(isIn('id', of.ids)));
  const replicas = statement((of: Of) =>
    db.selectFrom('replicas').selectAll().where(isIn('blob_id', of.ids)).orderBy('channel_id'),
  );
  const removals = statement((of: { payloads: readonly string[] }) =>
    db
      .selectFrom('jobs')
      .select('id')
      .where('kind', '=', 'delete_object')
      .where(isIn('payload', of.payloads))
      .limit(1),
  );

  return {
    async page({ limit, after }) {
      const { query } = pages({ limit, offset: 0, after }, 0);
      const files: readonly FileRecord[] = (await engine.read(query)).map(toFile);
      const ids = [...new Set(files.map(({ blobId }) => blobId))];
      const [blobRows, replicaRows] = await Promise.all([
        engine.read(blobs({ ids })),
        engine.read(replicas({ ids })),
      ]);
      const blobOf = new Map(blobRows.map((row) => [row.id, toBlob(row)]));
      const copiesOf = Map.groupBy(replicaRows.map(toReplica), ({ blobId }) => blobId);
      const stored = files.flatMap((file) => {
        const blob = blobOf.get(file.blobId);
        const copies: readonly Replica[] = copiesOf.get(file.blobId) ?? [];
        // A file that was removed since the first query has no blob any more.
        return blob === undefined ? [] : [{ file, blob, replicas: copies }];
      });
      return { files: stored, next: files.length < limit ? undefined : files.at(-1) };
    },
    async isBeingRemoved(channelId, refs) {
      const payloads = refs.map((ref) => toJson({ channelId, ref }));
      return (await engine.read(removals({ payloads }))).length > 0;
    },
  };
}
