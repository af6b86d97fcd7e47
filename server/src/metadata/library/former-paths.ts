import type { Flavor } from '../flavor.ts';
import { run, statement, type Work } from '../work.ts';

/** The paths that moved files had. */
export interface FormerPaths {
  /** Keeps the path for its file. */
  add(former: { path: string; fileId: string; givenOnce: number; at: number }): Work<void>;
  /** Frees the path for its own file, which comes back to it. */
  free(path: string, fileId: string): Work<void>;
  /** The file is gone: paths that it chose are free again, those given once stay spent. */
  dropOf(fileId: string): Work<void>;
}

export function formerPathQueries({ db }: Flavor): FormerPaths {
  type Former = { path: string; fileId: string; givenOnce: number; at: number };
  const insert = statement((of: Former) =>
    db.insertInto('spent_paths').values({
      path: of.path,
      spent_at: of.at,
      file_id: of.fileId,
      given_once: of.givenOnce,
    }),
  );
  const remove = statement((of: { path: string; fileId: string }) =>
    db.deleteFrom('spent_paths').where('path', '=', of.path).where('file_id', '=', of.fileId),
  );
  const release = statement((of: { fileId: string }) =>
    db.deleteFrom('spent_paths').where('file_id', '=', of.fileId).where('given_once', '=', 0),
  );
  const forget = statement((of: { fileId: string }) =>
    db.updateTable('spent_paths').set({ file_id: null }).where('file_id', '=', of.fileId),
  );

  return {
    *add(former) {
      yield* run(insert(former));
    },
    *free(path, fileId) {
      yield* run(remove({ path, fileId }));
    },
    *dropOf(fileId) {
      yield* run(release({ fileId }));
      yield* run(forget({ fileId }));
    },
  };
}
