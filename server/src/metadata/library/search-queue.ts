import { sql } from 'kysely';
import type { Flavor } from '../flavor.ts';
import { all, dynamic, first, run, statement, type Work } from '../work.ts';

/** SQLite's trigrams. PostgreSQL keeps its own. */
export interface SearchQueue {
  /** The file is found by comparing its name until `index` has taken it. */
  add(fileId: string): Work<void>;
  remove(fileId: string): Work<void>;
  /** Takes up to `limit` pending files into the index. Returns how many there were. */
  index(limit: number): Work<number>;
}

export function searchQueue({ db, database }: Flavor): SearchQueue {
  const isOurs = database === 'sqlite';
  type Of = { fileId: string };
  const pend = statement((of: Of) =>
    db
      .insertInto('search_pending')
      .values({ file_id: of.fileId })
      .onConflict((conflict) => conflict.column('file_id').doNothing()),
  );
  const unpend = statement((of: Of) =>
    db.deleteFrom('search_pending').where('file_id', '=', of.fileId),
  );
  const dropDoc = statement((of: Of) =>
    db.deleteFrom('search_docs').where('file_id', '=', of.fileId).returning('id'),
  );
  const addDoc = statement((of: Of) =>
    db.insertInto('search_docs').values({ file_id: of.fileId }).returning('id'),
  );
  const dropText = (id: number) =>
    dynamic({ compile: () => sql`delete from search_index where rowid = ${id}`.compile(db) });
  const addText = (id: number, text: string) =>
    dynamic({
      compile: () =>
        sql`insert into search_index (rowid, text) values (${id}, ${text})`.compile(db),
    });
  const pending = statement((of: { limit: number }) =>
    db
      .selectFrom('search_pending')
      .leftJoin('files', 'files.id', 'search_pending.file_id')
      .select(['search_pending.file_id', 'files.search_text'])
      .limit(of.limit),
  );

  function* drop(fileId: string): Work<void> {
    const doc = yield* first(dropDoc({ fileId }));
    if (doc !== undefined) {
      yield* run(dropText(doc.id));
    }
  }

  return {
    *add(fileId) {
      if (isOurs) {
        yield* run(pend({ fileId }));
      }
    },
    *remove(fileId) {
      if (isOurs) {
        yield* run(unpend({ fileId }));
        yield* drop(fileId);
      }
    },
    *index(limit) {
      const rows = isOurs ? yield* all(pending({ limit })) : [];
      for (const { file_id: fileId, search_text: text } of rows) {
        yield* run(unpend({ fileId }));
        yield* drop(fileId);
        const doc = text === null ? undefined : yield* first(addDoc({ fileId }));
        if (doc !== undefined && text !== null) {
          yield* run(addText(doc.id, text));
        }
      }
      return rows.length;
    },
  };
}
