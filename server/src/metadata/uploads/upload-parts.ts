import { fail } from '../../core/errors.ts';
import type { PartOutcome, UploadPart, UploadStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import type { JobQueries } from '../job-queries.ts';
import { partRow, toPart } from '../rows.ts';
import type { UploadPartRow, UploadRow } from '../schema.ts';
import { essential, first, run, statement, type Work } from '../work.ts';

const accepted: PartOutcome = { outcome: 'accepted' };
const refused: PartOutcome = { outcome: 'refused' };

export function partStore(
  { flavor, engine }: Context,
  jobs: JobQueries,
): Pick<UploadStore, 'putPart' | 'parts' | 'receivedBytes' | 'dropPendingPart'> {
  const { db, lock } = flavor;
  type Key = { uploadId: string; index: number };

  const openUpload = statement((of: { id: string }) =>
    lock(
      db
        .selectFrom('uploads')
        .select(['id', 'expires_at', 'received_bytes'])
        .where('id', '=', of.id)
        .where('state', '=', 'open'),
    ),
  );
  const received = statement((of: { id: string }) =>
    db.selectFrom('uploads').select('received_bytes').where('id', '=', of.id),
  );
  const change = statement(
    (of: { id: string; expiresAt: number; versions: number; bytes: number }) =>
      db
        .updateTable('uploads')
        .set((row) => ({
          expires_at: of.expiresAt,
          version: row('version', '+', of.versions),
          received_bytes: of.bytes,
        }))
        .where('id', '=', of.id),
  );
  const find = statement((of: Key) =>
    db
      .selectFrom('upload_parts')
      .selectAll()
      .where('upload_id', '=', of.uploadId)
      .where('part_index', '=', of.index),
  );
  const list = statement((of: { uploadId: string }) =>
    db
      .selectFrom('upload_parts')
      .selectAll()
      .where('upload_id', '=', of.uploadId)
      .orderBy('part_index'),
  );
  const put = statement((row: UploadPartRow) => {
    const values = {
      state: row.state,
      storage_id: row.storage_id,
      size: row.size,
      segments: row.segments,
      native: row.native,
      hash: row.hash,
      updated_at: row.updated_at,
    };
    return db
      .insertInto('upload_parts')
      .values({ upload_id: row.upload_id, part_index: row.part_index, ...values })
      .onConflict((conflict) => conflict.columns(['upload_id', 'part_index']).doUpdateSet(values));
  });
  const dropPending = statement((of: { uploadId: string; storageId: string }) =>
    db
      .deleteFrom('upload_parts')
      .where('upload_id', '=', of.uploadId)
      .where('storage_id', '=', of.storageId)
      .where('state', '=', 'pending'),
  );

  type Row = Pick<UploadRow, 'id' | 'expires_at' | 'received_bytes'>;

  function* follow(upload: Row, { replaced, bytes, extendTo }: Following): Work<void> {
    const expiresAt = Math.max(upload.expires_at, extendTo);
    // A merge that has read a stored part must notice that it was replaced.
    const versions = replaced?.state === 'stored' ? 1 : 0;
    const isSame =
      versions === 0 && expiresAt === upload.expires_at && bytes === upload.received_bytes;
    if (!isSame) {
      yield* run(change({ id: upload.id, expiresAt, versions, bytes }));
    }
  }

  return {
    putPart(part, extendTo, { clearsJobs = [], maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const { uploadId, index } = part;
      return engine.transact(function* (): Work<PartOutcome> {
        const upload = yield* first(openUpload({ id: uploadId }));
        if (!upload) {
          return refused;
        }
        const row = yield* first(find({ uploadId, index }));
        const old = row ? toPart(row) : null;
        if (old && !mayReplace(part, old)) {
          return part.state === 'pending' ? accepted : refused;
        }
        const bytes = sumWith(part, { old, sum: upload.received_bytes, maxBytes });
        yield* run(put(partRow(part)));
        yield* jobs.clear(clearsJobs);
        // The bytes of the same attempt are the ones to keep.
        const replaced = old?.storageId === part.storageId ? null : old;
        yield* follow(upload, { replaced, bytes, extendTo });
        return replaced === null ? accepted : { outcome: 'replaced', part: replaced };
      });
    },

    async parts(uploadId) {
      return (await engine.read(list({ uploadId }))).map(toPart);
    },

    async receivedBytes(uploadId, exceptIndex) {
      const [[upload], [part]] = await Promise.all([
        engine.read(received({ id: uploadId })),
        engine.read(find({ uploadId, index: exceptIndex })),
      ]);
      return (upload?.received_bytes ?? 0) - storedBytes(part ?? null);
    },

    async dropPendingPart(uploadId, storageId) {
      await engine.write(dropPending({ uploadId, storageId }), essential);
    },
  };
}

interface Following {
  readonly replaced: UploadPart | null;
  /** Bytes of all stored parts after the change. */
  readonly bytes: number;
  readonly extendTo: number;
}

interface Sum {
  readonly old: UploadPart | null;
  readonly sum: number;
  readonly maxBytes: number;
}

function sumWith(part: UploadPart, { old, sum, maxBytes }: Sum): number {
  const bytes = sum - storedBytes(old) + storedBytes(part);
  if (part.state === 'stored' && bytes > maxBytes) {
    throw fail('too_large', { details: { maxBytes } });
  }
  return bytes;
}

function storedBytes(part: Pick<UploadPart, 'state' | 'size'> | null): number {
  return part?.state === 'stored' ? part.size : 0;
}

function mayReplace(part: UploadPart, old: UploadPart): boolean {
  if (old.state === 'stored') {
    return part.state === 'stored';
  }
  return part.state === 'pending' || part.storageId === old.storageId;
}
