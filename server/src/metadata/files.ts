import { sql } from 'kysely';
import type { FileStore } from '../core/metadata.ts';
import { blobQueries } from './blobs.ts';
import { pathClaim } from './claim-path.ts';
import type { Context } from './context.ts';
import type { JobQueries } from './job-queries.ts';
import { toFile, toJson } from './rows.ts';
import { storedFileQueries } from './stored-file.ts';
import { first, run, statement } from './work.ts';

export function fileStore({ flavor, engine }: Context, jobs: JobQueries): FileStore {
  const { db } = flavor;
  const blobs = blobQueries(flavor);
  const claimPath = pathClaim(flavor);
  const stored = storedFileQueries(flavor);
  type Page = { limit: number; offset: number };
  type Of = { id: string };

  const finishUpload = statement((of: { id: string; version: number; result: string }) =>
    db
      .updateTable('uploads')
      .set((row) => ({ state: 'done', result: of.result, version: row('version', '+', 1) }))
      .where('id', '=', of.id)
      .where('version', '=', of.version),
  );
  const remove = statement((of: Of) => db.deleteFrom('files').where('id', '=', of.id).returning('blob_id'));
  const newest = db.selectFrom('files').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc');
  const size = db.selectFrom('files').select((row) => row.fn.countAll<number>().as('count'));
  const listAll = statement((of: Page) => newest.limit(of.limit).offset(of.offset));
  const listOf = statement((of: Page & { category: string }) =>
    newest.where('category', '=', of.category).limit(of.limit).offset(of.offset),
  );
  const countAll = statement(() => size);
  const countOf = statement((of: { category: string }) => size.where('category', '=', of.category));
  const knows = statement((of: Of) =>
    db
      .selectFrom('blobs')
      .select('id')
      .where('id', '=', of.id)
      .unionAll(db.selectFrom('uploads').select('id').where('storage_id', '=', of.id))
      .unionAll(db.selectFrom('upload_parts').select('upload_id as id').where('storage_id', '=', of.id)),
  );
  const usage = statement((of: { channelId: string }) =>
    db
      .selectFrom('channel_usage')
      .select([
        sql<number>`cast(coalesce(sum(bytes), 0) as bigint)`.as('bytes'),
        sql<number>`cast(coalesce(sum(blobs), 0) as bigint)`.as('blobs'),
      ])
      .where('channel_id', '=', of.channelId),
  );

  return {
    add(input) {
      const { upload } = input;
      return engine.transact(function* () {
        if (upload) {
          const { id, version, result } = upload;
          if ((yield* run(finishUpload({ id, version, result: toJson(result) }))) === 0) return undefined;
        }
        const { blob, replicas, isNew } = yield* blobs.add(input.blob, input.replica);
        const file = yield* claimPath({ ...input, blob });
        yield* jobs.clear(input.clearsJobs);
        yield* jobs.add(input.addsJobs);
        if (isNew) yield* blobs.count(input.replica.channelId, { bytes: blob.size, blobs: 1 });
        return { file, blob, replicas };
      });
    },

    async get(id) {
      return stored.fold(await engine.read(stored.byId({ id })));
    },

    async getByPath(path) {
      return stored.fold(await engine.read(stored.byPath({ path })));
    },

    async list({ category, limit, offset }) {
      const page = category === undefined ? listAll({ limit, offset }) : listOf({ limit, offset, category });
      const count = category === undefined ? countAll({}) : countOf({ category });
      const [rows, [total]] = await Promise.all([engine.read(page), engine.read(count)]);
      return { items: rows.map(toFile), total: total?.count ?? 0 };
    },

    remove(id, cleanup) {
      return engine.transact(function* () {
        const file = yield* first(remove({ id }));
        if (!file) return false;
        yield* jobs.add(yield* blobs.removeUnused(file.blob_id, cleanup));
        return true;
      });
    },

    async knowsStorageId(id) {
      return (await engine.read(knows({ id }))).length > 0;
    },

    async usage(channelId) {
      const [row] = await engine.read(usage({ channelId }));
      return { bytes: row?.bytes ?? 0, blobs: row?.blobs ?? 0 };
    },
  };
}
