import type { OpenUploadLimit, UploadPatch, UploadStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import type { JobQueries } from '../job-queries.ts';
import { toJson, toUpload, uploadRow, withoutUndefined } from '../rows.ts';
import type { UploadRow } from '../schema.ts';
import { dynamic, essential, first, run, statement, type Work } from '../work.ts';
import { partStore } from './upload-parts.ts';
import { uploadUpdate } from './upload-update.ts';

export function uploadStore(context: Context, jobs: JobQueries): UploadStore {
  const { engine, flavor } = context;
  const { db, isIn, lockKey } = flavor;
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
      category: row.category,
      expected_bytes: row.expected_bytes,
      network: row.network,
      received_bytes: row.received_bytes,
    }),
  );
  const get = statement((of: { id: string }) =>
    db.selectFrom('uploads').selectAll().where('id', '=', of.id),
  );
  const update = uploadUpdate(flavor);
  const remove = statement((of: { id: string; version: number }) =>
    db.deleteFrom('uploads').where('id', '=', of.id).where('version', '=', of.version),
  );
  const expired = statement((of: { now: number; limit: number }) =>
    db
      .selectFrom('uploads')
      .selectAll()
      .where('expires_at', '<', of.now)
      .orderBy('expires_at')
      .orderBy('id')
      .limit(of.limit),
  );
  const open = () =>
    db
      .selectFrom('uploads')
      .select((row) => row.fn.countAll<number>().as('count'))
      // All kinds, named so that the many finished uploads are not read.
      .where('kind', 'in', ['presigned', 'chunked', 'direct', 'import'])
      .where('state', '=', 'open');
  const countOpen = statement((of: { owner: string }) => open().where('owner', '=', of.owner));
  const countOfNetwork = statement((of: { owner: string; network: string }) =>
    open().where('network', '=', of.network).where('owner', '=', of.owner),
  );

  /**
   * Whether one more upload would be too many. Concurrent callers wait until the transaction has
   * ended.
   */
  function* isFull(owner: string, { max, network }: OpenUploadLimit): Work<boolean> {
    if (lockKey !== undefined) {
      yield* run(dynamic(lockKey(`open uploads of ${owner}`)));
    }
    if (((yield* first(countOpen({ owner })))?.count ?? 0) >= max) {
      return true;
    }
    if (network === undefined) {
      return false;
    }
    return (
      ((yield* first(countOfNetwork({ owner, network: network.name })))?.count ?? 0) >= network.max
    );
  }

  const reserved = statement((of: { channelId: string; expiringAfter: number }) =>
    db
      .selectFrom('uploads')
      .select((row) => [
        row.fn.sum<number>('expected_bytes').as('expected'),
        row.fn.sum<number>('received_bytes').as('received'),
      ])
      .where('channel_id', '=', of.channelId)
      .where('state', '=', 'open')
      .where((row) =>
        row.or([
          row('storage_id', 'is not', null),
          row('received_bytes', '>', 0),
          row('expires_at', '>', of.expiringAfter),
        ]),
      ),
  );

  const matching = ({
    kinds,
    states,
    owner,
    category,
  }: Omit<Parameters<UploadStore['list']>[0], 'limit' | 'offset'>) => {
    const query = db.selectFrom('uploads').where(isIn('kind', kinds)).where(isIn('state', states));
    const owned = owner === undefined ? query : query.where('owner', '=', owner);
    return category === undefined ? owned : owned.where('category', '=', category);
  };

  return {
    async add(upload, limit) {
      const row = uploadRow(upload, limit?.network?.name);
      if (limit === undefined) {
        return (await engine.write(insert(row))).changes > 0;
      }
      return engine.transact(function* () {
        return !(yield* isFull(upload.owner, limit)) && (yield* run(insert(row))) > 0;
      });
    },

    async get(id) {
      const [row] = await engine.read(get({ id }));
      return row && toUpload(row);
    },

    async list({ limit, offset, ...filter }) {
      const page = matching(filter)
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .offset(offset);
      const count = matching(filter).select((row) => row.fn.countAll<number>().as('count'));
      const [rows, [total]] = await Promise.all([
        engine.read(dynamic(page)),
        engine.read(dynamic(count)),
      ]);
      return { items: rows.map(toUpload), total: total?.count ?? 0 };
    },

    update(id, version, patch, { adds, clears } = {}) {
      return engine.transact(function* () {
        const row = yield* first(update(id, version, patchRow(patch)));
        if (!row) {
          return undefined;
        }
        yield* jobs.add(adds);
        yield* jobs.clear(clears);
        return toUpload(row);
      });
    },

    remove(id, version, added) {
      return engine.transact(function* () {
        if ((yield* run(remove({ id, version }))) === 0) {
          return false;
        }
        yield* jobs.add(added);
        return true;
      }, essential);
    },

    async expired(now, limit) {
      return (await engine.read(expired({ now, limit }))).map(toUpload);
    },

    async countOpen(owner) {
      const [row] = await engine.read(countOpen({ owner }));
      return row?.count ?? 0;
    },

    async reservedBytes(channelId, expiringAfter) {
      const [row] = await engine.read(reserved({ channelId, expiringAfter }));
      // The sum of no rows is null, that of many a text on PostgreSQL.
      return Number(row?.expected ?? 0) + Number(row?.received ?? 0);
    },

    ...partStore(context, jobs),
  };
}

function patchRow(patch: UploadPatch): Partial<UploadRow> {
  const { details, result } = patch;
  return withoutUndefined({
    state: patch.state,
    channel_id: patch.channelId,
    details: details === undefined ? undefined : toJson(details),
    storage_id: patch.storageId,
    result: result === undefined ? undefined : toJson(result),
    expires_at: patch.expiresAt,
    expected_bytes: patch.expectedBytes,
  });
}
