import type { NewJob } from '../core/metadata.ts';
import type { Flavor } from './flavor.ts';
import { jobRow } from './rows.ts';
import type { JobRow } from './schema.ts';
import { dynamic, run, statement, type Work } from './work.ts';

/** Steps on jobs, for other transactions. */
export interface JobQueries {
  add(jobs?: readonly NewJob[]): Work<void>;
  clear(ids?: readonly string[]): Work<void>;
}

const rowsPerInsert = 100;

export function jobQueries({ db, isIn }: Flavor): JobQueries {
  const insert = (rows: readonly JobRow[]) =>
    db
      .insertInto('jobs')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doNothing());
  const addOne = statement((row: JobRow) =>
    insert([
      {
        id: row.id,
        kind: row.kind,
        payload: row.payload,
        run_at: row.run_at,
        attempts: row.attempts,
        last_error: row.last_error,
        lease: row.lease,
      },
    ]),
  );
  const clear = statement((of: { ids: readonly string[] }) =>
    db.deleteFrom('jobs').where(isIn('id', of.ids)),
  );

  return {
    *add(jobs = []) {
      const rows = jobs.map(jobRow);
      if (rows.length === 1) {
        for (const row of rows) {
          yield* run(addOne({ ...row }));
        }
      } else {
        for (let at = 0; at < rows.length; at += rowsPerInsert) {
          yield* run(dynamic(insert(rows.slice(at, at + rowsPerInsert))));
        }
      }
    },

    *clear(ids = []) {
      if (ids.length > 0) {
        yield* run(clear({ ids }));
      }
    },
  };
}
