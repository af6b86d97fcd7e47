import { sql } from 'kysely';
import type { ReplicaFinding, ReplicaStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import type { JobQueries } from '../job-queries.ts';
import { toJson, toReplica } from '../rows.ts';
import { run, statement } from '../work.ts';

export function replicaStore({ flavor, engine }: Context, jobs: JobQueries): ReplicaStore {
  const { db, isIn } = flavor;
  type Page = { channelIds: readonly string[]; blobId: string; channelId: string; limit: number };
  const page = statement((of: Page) =>
    db
      .selectFrom('replicas')
      .selectAll()
      .where('blob_id', '>=', of.blobId)
      .where((row) =>
        row.or([row('blob_id', '>', of.blobId), row('channel_id', '>', of.channelId)]),
      )
      .where(isIn('channel_id', of.channelIds))
      .orderBy('blob_id')
      .orderBy('channel_id')
      .limit(of.limit),
  );
  const ofBlob = statement((of: { id: string }) =>
    db.selectFrom('replicas').selectAll().where('blob_id', '=', of.id).orderBy('channel_id'),
  );
  const mark = statement((of: ReplicaFinding) =>
    db
      .updateTable('replicas')
      .set({ state: of.state, verified_at: of.verifiedAt })
      .where('blob_id', '=', of.blobId)
      .where('channel_id', '=', of.channelId),
  );
  type Replacement = {
    blobId: string;
    channelId: string;
    old: string;
    segments: string;
    verifiedAt: number;
  };
  const replace = statement((of: Replacement) =>
    db
      .updateTable('replicas')
      .set({ segments: of.segments, state: 'ok', verified_at: of.verifiedAt })
      .where('blob_id', '=', of.blobId)
      .where('channel_id', '=', of.channelId)
      .where('segments', '=', of.old),
  );
  const paths = statement((of: { id: string }) =>
    db.selectFrom('files').select('path').where('blob_id', '=', of.id),
  );
  // Written exactly as in the index, because SQLite recognises no other condition.
  const broken = statement(() =>
    db
      .selectFrom('replicas')
      .select((replicas) => replicas.fn.countAll<number>().as('count'))
      .where(sql<boolean>`state <> 'ok'`),
  );

  return {
    async page({ channelIds, after, limit }) {
      const { blobId = '', channelId = '' } = after ?? {};
      const rows = await engine.read(page({ channelIds, blobId, channelId, limit }));
      return rows.map((row) => ({ ...toReplica(row), verifiedAt: row.verified_at }));
    },

    ofBlob: async (id) => (await engine.read(ofBlob({ id }))).map(toReplica),

    mark(findings) {
      return engine.transact(function* () {
        let changes = 0;
        for (const { blobId, channelId, state, verifiedAt } of findings) {
          changes += yield* run(mark({ blobId, channelId, state, verifiedAt }));
        }
        return changes;
      });
    },

    replace({ blobId, channelId, segments: old }, { segments, verifiedAt, addsJobs, clearsJobs }) {
      return engine.transact(function* () {
        const values = {
          blobId,
          channelId,
          old: toJson(old),
          segments: toJson(segments),
          verifiedAt,
        };
        if ((yield* run(replace(values))) === 0) {
          return false;
        }
        yield* jobs.add(addsJobs);
        yield* jobs.clear(clearsJobs);
        return true;
      });
    },

    pathsOf: async (id) => (await engine.read(paths({ id }))).map(({ path }) => path),

    async countBroken() {
      const [row] = await engine.read(broken({}));
      return row?.count ?? 0;
    },
  };
}
