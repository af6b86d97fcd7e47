import type { FileRecord } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import { run, statement, type Work } from '../work.ts';

type Tagged = Pick<FileRecord, 'id' | 'createdAt' | 'tags'>;

/** The index of tags, beside the list of tags that each file has. */
export interface FileTags {
  add(file: Tagged): Work<void>;
  remove(file: Tagged): Work<void>;
}

export function fileTags({ db }: Flavor): FileTags {
  type Row = { tag: string; at: number; id: string };
  const insert = statement((row: Row) =>
    db
      .insertInto('file_tags')
      .values({ tag: row.tag, created_at: row.at, file_id: row.id })
      .onConflict((conflict) => conflict.columns(['tag', 'created_at', 'file_id']).doNothing()),
  );
  const remove = statement((row: Row) =>
    db
      .deleteFrom('file_tags')
      .where('tag', '=', row.tag)
      .where('created_at', '=', row.at)
      .where('file_id', '=', row.id),
  );
  const rowsOf = ({ id, createdAt, tags }: Tagged): readonly Row[] => {
    // JSON may hold text that a column cannot.
    const known = tags.filter((tag) => !tag.includes('\0') && tag.isWellFormed());
    const lower = new Set(known.map((tag) => tag.toLowerCase()));
    return [...lower].map((tag) => ({ tag, at: createdAt, id }));
  };

  return {
    *add(file) {
      for (const row of rowsOf(file)) {
        yield* run(insert(row));
      }
    },
    *remove(file) {
      for (const row of rowsOf(file)) {
        yield* run(remove(row));
      }
    },
  };
}
