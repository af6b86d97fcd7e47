import { categoryOf } from '../../core/content-type/media-types.ts';
import type { Category, FileStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import type { JobQueries } from '../job-queries.ts';
import { fromJson, toFile, toJson } from '../rows.ts';
import { essential, first, run, statement } from '../work.ts';
import { blobQueries } from './blobs.ts';
import { pathClaim } from './claim-path.ts';
import {
  allCategoryCounters,
  type Change,
  categoryCounter,
  channelCounter,
  counters,
} from './counters.ts';
import { filePages } from './file-pages.ts';
import { fileTags } from './file-tags.ts';
import { folderCounts } from './folder-counts.ts';
import { formerPathQueries } from './former-paths.ts';
import { searchQueue } from './search-queue.ts';
import { insertSmallObject } from './small-objects.ts';
import { storedFileQueries } from './stored-file.ts';

export function fileStore({ flavor, engine }: Context, jobs: JobQueries): FileStore {
  const { db } = flavor;
  const blobs = blobQueries(flavor);
  const sums = counters(flavor);
  const claimPath = pathClaim(flavor);
  const stored = storedFileQueries(flavor);
  const insertRow = insertSmallObject(flavor);
  type Of = { id: string };

  const finishUpload = statement((of: { id: string; version: number; result: string }) =>
    db
      .updateTable('uploads')
      .set((row) => ({ state: 'done', result: of.result, version: row('version', '+', 1) }))
      .where('id', '=', of.id)
      .where('version', '=', of.version),
  );
  const remove = statement((of: Of) =>
    db
      .deleteFrom('files')
      .where('id', '=', of.id)
      .returning([
        'id',
        'blob_id',
        'category',
        'path',
        'given_once',
        'folder',
        'size',
        'channel_id',
        'created_at',
        'tags',
      ]),
  );
  const spend = statement((of: { path: string; at: number }) =>
    db
      .insertInto('spent_paths')
      .values({ path: of.path, spent_at: of.at, file_id: null, given_once: 1 })
      .onConflict((conflict) => conflict.column('path').doNothing()),
  );
  const folders = folderCounts(flavor);
  const tags = fileTags(flavor);
  const search = searchQueue(flavor);
  const formerPaths = formerPathQueries(flavor);
  const pages = filePages(flavor);
  const knows = statement((of: Of) =>
    db
      .selectFrom('blobs')
      .select('id')
      .where('id', '=', of.id)
      .unionAll(db.selectFrom('uploads').select('id').where('storage_id', '=', of.id))
      .unionAll(
        db
          .selectFrom('upload_parts')
          .select('upload_id as id')
          .where('storage_id', '=', of.id)
          .where('state', '=', 'stored'),
      ),
  );

  const ofSha256 = (of: { sha256: string }) =>
    db
      .selectFrom('blobs')
      .innerJoin('files', 'files.blob_id', 'blobs.id')
      .select('files.id')
      .where('blobs.sha256', '=', of.sha256)
      .limit(1);
  const holders = statement(ofSha256);
  const holdersOf = statement((of: { sha256: string; uploader: string; channelId: string }) =>
    ofSha256(of)
      .innerJoin('replicas', 'replicas.blob_id', 'blobs.id')
      .where('files.uploader', '=', of.uploader)
      .where('replicas.channel_id', '=', of.channelId),
  );

  return {
    add(input) {
      const { upload } = input;
      return engine.transact(function* () {
        if (upload) {
          const { id, version, result } = upload;
          if ((yield* run(finishUpload({ id, version, result: toJson(result) }))) === 0) {
            return undefined;
          }
        }
        const { blob, replicas, isNew } = yield* blobs.add(input.blob, input.replica);
        if (input.row !== undefined) {
          yield* run(insertRow({ id: blob.id, bytes: input.row }));
        }
        const file = yield* claimPath({ ...input, blob });
        yield* jobs.clear(input.clearsJobs);
        yield* jobs.add(input.addsJobs);
        yield* tags.add(file);
        yield* search.add(file.id);
        yield* folders.add(file);
        const onChannel = {
          name: channelCounter(input.replica.channelId),
          items: 1,
          bytes: blob.size,
        };
        yield* sums.add([
          inLibrary(categoryOf(file.contentType), 1),
          ...(isNew ? [onChannel] : []),
        ]);
        return { file, blob, replicas };
      });
    },

    async get(id) {
      return stored.fold(await engine.read(stored.byId({ id })));
    },

    async getByPath(path) {
      return stored.fold(await engine.read(stored.byPath({ path })));
    },

    async list(query) {
      const counter =
        query.category === undefined ? allCategoryCounters : [categoryCounter(query.category)];
      const [sum] = await engine.read(sums.read(counter));
      const total = sum?.items ?? 0;
      const page = pages(query, total);
      const items = (await engine.read(page.query)).map(toFile);
      return { items: page.isReversed ? items.reverse() : items, total };
    },

    remove(id, cleanup) {
      return engine.transact(function* () {
        const file = yield* first(remove({ id }));
        if (!file) {
          return false;
        }
        if (file.given_once === 1) {
          yield* run(spend({ path: file.path, at: Date.now() }));
        }
        yield* formerPaths.dropOf(file.id);
        const createdAt = file.created_at;
        yield* tags.remove({ id, createdAt, tags: fromJson<string[]>(file.tags) });
        yield* search.remove(id);
        const { size, replicas } = yield* blobs.removeUnused(file.blob_id);
        yield* jobs.add(
          replicas.flatMap(({ channelId, segments }) =>
            segments.flatMap((segment) => cleanup(channelId, segment) ?? []),
          ),
        );
        const onChannels = replicas.map(({ channelId }) => ({
          name: channelCounter(channelId),
          items: -1,
          bytes: -size,
        }));
        yield* folders.remove({ ...file, createdAt, channelId: file.channel_id });
        yield* sums.add([inLibrary(file.category, -1), ...onChannels]);
        return true;
      }, essential);
    },

    async knowsStorageId(id) {
      return (await engine.read(knows({ id }))).length > 0;
    },

    async holdsSha256(sha256, by) {
      const query = by === undefined ? holders({ sha256 }) : holdersOf({ sha256, ...by });
      return (await engine.read(query)).length > 0;
    },

    async usage(channelId) {
      const [sum] = await engine.read(sums.read([channelCounter(channelId)]));
      return { bytes: sum?.bytes ?? 0, blobs: sum?.items ?? 0 };
    },
  };
}

/** Counts the files of a category, not their bytes, because several may share a blob. */
function inLibrary(category: Category, items: number): Change {
  return { name: categoryCounter(category), items, bytes: 0 };
}
