import { sql } from 'kysely';
import { categoryOf } from '../../core/content-type/media-types.ts';
import { fail } from '../../core/errors.ts';
import type {
  FileFilter,
  FilePatch,
  FolderSummary,
  LibraryQuery,
  LibraryStore,
  NewPath,
} from '../../core/library-store.ts';
import type { FileRecord } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import { fileRow, searchTextOf, toFile } from '../rows.ts';
import type { FileRow } from '../schema.ts';
import { dynamic, first, run, statement, type Work } from '../work.ts';
import { folderOfPath } from './claim-path.ts';
import { categoryCounter, counters } from './counters.ts';
import { fileTags } from './file-tags.ts';
import { folderCounts } from './folder-counts.ts';
import { formerPathQueries } from './former-paths.ts';
import { type ChildRow, isUnfiltered, libraryQueries } from './library-queries.ts';
import { statisticsOf } from './library-statistics.ts';
import { searchQueue } from './search-queue.ts';

export function libraryStore({ flavor, engine }: Context): LibraryStore {
  const { db, lock } = flavor;
  const queries = libraryQueries(flavor);
  const tagIndex = fileTags(flavor);
  const search = searchQueue(flavor);
  const folders = folderCounts(flavor);
  const formerPaths = formerPathQueries(flavor);
  const sums = counters(flavor);

  const locked = statement((of: { id: string }) =>
    lock(db.selectFrom('files').selectAll().where('id', '=', of.id)),
  );
  const write = statement((row: FileRow) =>
    db
      .updateTable('files')
      .set({
        path: row.path,
        folder: row.folder,
        filename: row.filename,
        content_type: row.content_type,
        category: row.category,
        tags: row.tags,
        list_type: row.list_type,
        given_once: row.given_once,
        updated_at: row.updated_at,
        search_text: row.search_text,
      })
      .where('id', '=', row.id),
  );
  const holder = statement((of: { path: string }) =>
    db.selectFrom('files').select('id').where('path', '=', of.path),
  );
  const spent = statement((of: { path: string; id: string }) =>
    db
      .selectFrom('spent_paths')
      .select('path')
      .where('path', '=', of.path)
      .where((row) => row.or([row('file_id', 'is', null), row('file_id', '<>', of.id)])),
  );
  const moved = statement((of: { path: string }) =>
    db
      .selectFrom('spent_paths')
      .innerJoin('files', 'files.id', 'spent_paths.file_id')
      .select('files.path')
      .where('spent_paths.path', '=', of.path),
  );

  function* get(id: string): Work<FileRecord | undefined> {
    const row = yield* first(locked({ id }));
    return row && toFile(row);
  }

  function* writeNames(before: FileRecord, after: FileRecord): Work<void> {
    yield* run(write(fileRow(after)));
    if (searchTextOf(before) !== searchTextOf(after)) {
      yield* search.remove(after.id);
      yield* search.add(after.id);
    }
  }

  function* refuseTaken(id: string, path: string): Work<void> {
    if ((yield* first(holder({ path }))) !== undefined) {
      throw taken();
    }
    if ((yield* first(spent({ path, id }))) !== undefined) {
      throw taken();
    }
  }

  async function childrenOf(filter: FileFilter): Promise<readonly ChildRow[]> {
    return engine.readAside(
      isUnfiltered(filter) ? queries.countedChildren(filter.folder) : queries.children(filter),
    );
  }

  /**
   * Whether walking all files in their order finds a page sooner than sorting those of the folder.
   */
  async function walks({ filter, isRecursive, limit, offset }: LibraryQuery): Promise<boolean> {
    if (!isRecursive || filter.folder === '') {
      return false;
    }
    const count = async (folder: string) =>
      sumOf(await engine.readAside(queries.countedChildren(folder)));
    const [below, total] = await Promise.all([count(filter.folder), count('')]);
    return below > 0 && ((limit + offset) * total) / below < below;
  }

  return {
    async page(query) {
      const rows = await engine.readAside(queries.page(query, await walks(query)));
      return rows.map(toFile);
    },

    async summary(filter) {
      return summaryOf(filter.folder, await childrenOf(filter));
    },

    update: (id, patch) =>
      engine.transact(function* () {
        const before = yield* get(id);
        if (before === undefined) {
          return undefined;
        }
        const after = patched(before, patch);
        yield* writeNames(before, after);
        yield* tagIndex.remove(before);
        yield* tagIndex.add(after);
        const [from, to] = [categoryOf(before.contentType), categoryOf(after.contentType)];
        if (from !== to) {
          yield* sums.add([
            { name: categoryCounter(from), items: -1, bytes: 0 },
            { name: categoryCounter(to), items: 1, bytes: 0 },
          ]);
        }
        return after;
      }),

    move: (id, to) =>
      engine.transact(function* () {
        const before = yield* get(id);
        if (before === undefined || before.path === to.path) {
          return before;
        }
        yield* refuseTaken(id, to.path);
        yield* formerPaths.free(to.path, id);
        const after = movedTo(before, to);
        yield* writeNames(before, after);
        // Checked again after the write, which may have waited for a removal that spent the path.
        if ((yield* first(spent({ path: to.path, id }))) !== undefined) {
          throw taken();
        }
        yield* formerPaths.add({
          path: before.path,
          fileId: id,
          givenOnce: before.givenOnce ? 1 : 0,
          at: to.at,
        });
        yield* folders.move(before, after.folder);
        return after;
      }),

    async movedTo(path) {
      const [row] = await engine.read(moved({ path }));
      return row?.path;
    },

    async tags({ prefix, limit }) {
      const start = prefix.toLowerCase();
      // One step for each tag, however many files it has.
      const steps = sql<{ tag: string }>`with recursive found(tag) as (
        select (select min(tag) from file_tags where tag >= ${start})
        union all
        select (select min(tag) from file_tags where tag > found.tag) from found
        where found.tag < ${`${start}\u{10FFFF}`}
      ) select tag from found where tag < ${`${start}\u{10FFFF}`} limit ${limit}`;
      const rows = await engine.readAside(dynamic({ compile: () => steps.compile(db) }));
      return rows.map(({ tag }) => tag);
    },

    statistics: (query) => statisticsOf({ flavor, engine }, query),
  };
}

function taken() {
  return fail('conflict', { message: 'Another file has this name.' });
}

function patched(file: FileRecord, patch: FilePatch): FileRecord {
  return {
    ...file,
    tags: patch.tags === undefined ? file.tags : patch.tags(file.tags),
    listType: patch.listType ?? file.listType,
    filename: patch.filename ?? file.filename,
    contentType: patch.contentType ?? file.contentType,
    updatedAt: patch.at,
  };
}

function movedTo(file: FileRecord, { path, filename, at }: NewPath): FileRecord {
  return {
    ...file,
    path,
    folder: folderOfPath(path),
    filename: filename ?? file.filename,
    givenOnce: false,
    updatedAt: at,
  };
}

const sumOf = (rows: readonly ChildRow[]): number =>
  rows.reduce((sum, { files }) => sum + files, 0);

function summaryOf(folder: string, rows: readonly ChildRow[]): FolderSummary {
  const start = folder === '' ? '' : `${folder}/`;
  return {
    totalCount: sumOf(rows),
    directFileCount: rows.find(({ child }) => child === '')?.files ?? 0,
    folders: rows
      .filter(({ child, files }) => child !== '' && files > 0)
      .map(({ child }) => start + child)
      .toSorted(),
  };
}
