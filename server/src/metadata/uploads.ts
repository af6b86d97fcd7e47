import type { UploadPatch, UploadStore } from '../core/metadata.ts';
import type { Context } from './context.ts';
import type { JobQueries } from './job-queries.ts';
import { toJson, toUpload, uploadRow } from './rows.ts';
import type { UploadRow } from './schema.ts';
import { partStore } from './upload-parts.ts';
import { uploadUpdate } from './upload-update.ts';
import { dynamic, essential, first, run, statement } from './work.ts';

export function uploadStore(context: Context, jobs: JobQueries): UploadStore {
  const { engine, flavor } = context;
  const { db, isIn } = flavor;
  const insert = statement((row: UploadRow) =>
    db.insertInto('uploads').values({
      id: row.id,
      kind: row.kind,
      state: row.state,
      version: row.version,
      owner: row.owner,
      channel_id: row.channel_id,
      details: row.details,
      storage_id: row.storage_id,
      result: row.result,
      created_at: row.created_at,
      expires_at: row.expires_at,
    }),
  );
  const get = statement((of: { id: string }) => db.selectFrom('uploads').selectAll().where('id', '=', of.id));
  const update = uploadUpdate(flavor);
  const remove = statement((of: { id: string; version: number }) =>
    db.deleteFrom('uploads').where('id', '=', of.id).where('version', '=', of.version),
  );
  const expired = statement((of: { now: number; limit: number }) =>
    db.selectFrom('uploads').selectAll().where('expires_at', '<', of.now).orderBy('expires_at').orderBy('id').limit(of.limit),
  );
  const countOpen = statement((of: { owner: string; kind: UploadRow['kind'] }) =>
    db
      .selectFrom('uploads')
      .select((row) => row.fn.countAll<number>().as('count'))
      .where('owner', '=', of.owner)
      .where('kind', '=', of.kind)
      .where('state', '=', 'open'),
  );

  const matching = ({ kinds, states, owner }: Pick<Parameters<UploadStore['list']>[0], 'kinds' | 'states' | 'owner'>) => {
    const query = db.selectFrom('uploads').where(isIn('kind', kinds)).where(isIn('state', states));
    return owner === undefined ? query : query.where('owner', '=', owner);
  };

  return {
    async add(upload) {
      await engine.write(insert({ ...uploadRow(upload) }));
    },

    async get(id) {
      const [row] = await engine.read(get({ id }));
      return row && toUpload(row);
    },

    async list({ limit, offset, ...filter }) {
      const page = matching(filter).selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).offset(offset);
      const count = matching(filter).select((row) => row.fn.countAll<number>().as('count'));
      const [rows, [total]] = await Promise.all([engine.read(dynamic(page)), engine.read(dynamic(count))]);
      return { items: rows.map(toUpload), total: total?.count ?? 0 };
    },

    update(id, version, patch, { adds, clears } = {}) {
      return engine.transact(function* () {
        const row = yield* first(update(id, version, patchRow(patch)));
        if (!row) return undefined;
        yield* jobs.add(adds);
        yield* jobs.clear(clears);
        return toUpload(row);
      });
    },

    remove(id, version, added) {
      return engine.transact(function* () {
        if ((yield* run(remove({ id, version }))) === 0) return false;
        yield* jobs.add(added);
        return true;
      }, essential);
    },

    async expired(now, limit) {
      return (await engine.read(expired({ now, limit }))).map(toUpload);
    },

    async countOpen(owner, kind) {
      const [row] = await engine.read(countOpen({ owner, kind }));
      return row?.count ?? 0;
    },

    ...partStore(context, jobs),
  };
}

function patchRow(patch: UploadPatch): Partial<UploadRow> {
  return {
    ...(patch.state !== undefined && { state: patch.state }),
    ...(patch.channelId !== undefined && { channel_id: patch.channelId }),
    ...(patch.details !== undefined && { details: toJson(patch.details) }),
    ...(patch.storageId !== undefined && { storage_id: patch.storageId }),
    ...(patch.result !== undefined && { result: toJson(patch.result) }),
    ...(patch.expiresAt !== undefined && { expires_at: patch.expiresAt }),
  };
}
