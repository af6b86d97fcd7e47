import { fail } from '../../core/errors.ts';
import type { FileRecord, NewFile } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import { fileRow } from '../rows.ts';
import type { FileRow } from '../schema.ts';
import { all, dynamic, first, run, statement, type Work } from '../work.ts';

/** A `path` that never ends would keep the transaction open for ever. */
const maxAttempts = 100_000;
const firstWindow = 16;
const largestWindow = 1024;

/**
 * Writes the file under the first of its paths that is neither taken nor spent. Throws `conflict`
 * when all are.
 */
export function pathClaim({ db, isIn, lockKey }: Flavor): (input: NewFile) => Work<FileRecord> {
  const insert = statement((row: FileRow) =>
    db
      .insertInto('files')
      .values({
        id: row.id,
        path: row.path,
        folder: row.folder,
        filename: row.filename,
        blob_id: row.blob_id,
        content_type: row.content_type,
        category: row.category,
        size: row.size,
        width: row.width,
        height: row.height,
        duration_seconds: row.duration_seconds,
        tags: row.tags,
        list_type: row.list_type,
        label: row.label,
        uploader: row.uploader,
        ip: row.ip,
        given_once: row.given_once,
        created_at: row.created_at,
        updated_at: row.updated_at,
        owner: row.owner,
        channel_id: row.channel_id,
        search_text: row.search_text,
      })
      .onConflict((conflict) => conflict.column('path').doNothing()),
  );
  const taken = statement((of: { paths: readonly string[] }) =>
    db
      .selectFrom('files')
      .select('path')
      .where(isIn('path', of.paths))
      .unionAll(db.selectFrom('spent_paths').select('path').where(isIn('path', of.paths))),
  );
  const spent = statement((of: { path: string }) =>
    db.selectFrom('spent_paths').select('path').where('path', '=', of.path),
  );
  const unclaim = statement((of: { id: string }) => db.deleteFrom('files').where('id', '=', of.id));

  function* claim(input: NewFile, path: string): Work<FileRecord | undefined> {
    const file = named(input, path);
    if ((yield* run(insert(fileRow(file)))) === 0) {
      return undefined;
    }
    // Checked after the insert, which may have waited for a removal that spent the path.
    if ((yield* first(spent({ path }))) === undefined) {
      return file;
    }
    yield* run(unclaim({ id: file.id }));
    return undefined;
  }

  /** Asks with one query which of many candidates are taken, and claims the first that is free. */
  function* claimFrom(input: NewFile, paths: readonly string[]): Work<FileRecord | undefined> {
    const used = new Set((yield* all(taken({ paths }))).map((row) => row.path));
    for (const path of paths) {
      const file = used.has(path) ? undefined : yield* claim(input, path);
      if (file) {
        return file;
      }
    }
    return undefined;
  }

  return function* (input) {
    const wanted = candidates(input, 0, 1);
    for (const path of wanted) {
      const file = yield* claim(input, path);
      if (file) {
        return file;
      }
      // Other uploads with the same candidates wait here instead of at every candidate in turn.
      if (lockKey) {
        yield* run(dynamic(lockKey(path)));
      }
    }
    for (
      let at = 1, window = firstWindow;
      at < maxAttempts;
      at += window, window = Math.min(2 * window, largestWindow)
    ) {
      const paths = candidates(input, at, window);
      const file = yield* claimFrom(input, paths);
      if (file) {
        return file;
      }
      if (paths.length < window) {
        break;
      }
    }
    throw fail('conflict', { message: 'Every name for this file is taken.' });
  };
}

function candidates({ path }: NewFile, from: number, count: number): readonly string[] {
  const paths: string[] = [];
  for (let attempt = from; attempt < from + count; attempt++) {
    const next = path(attempt);
    if (next === undefined) {
      break;
    }
    paths.push(next);
  }
  return paths;
}

function named({ file, blob, replica }: NewFile, path: string): FileRecord {
  return {
    ...file,
    path,
    folder: folderOfPath(path),
    blobId: blob.id,
    size: blob.size,
    channelId: replica.channelId,
  };
}

export function folderOfPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
