import type { JobStore } from '../core/metadata.ts';
import type { Context } from './context.ts';
import type { JobQueries } from './job-queries.ts';
import { toJob } from './rows.ts';
import { essential, statement } from './work.ts';

export function jobStore({ flavor, engine }: Context, queries: JobQueries): JobStore {
  const { db, isIn, lockFree } = flavor;
  const due = (of: { now: number; kinds: readonly string[]; limit: number }) =>
    lockFree(
      db
        .selectFrom('jobs')
        .select('id')
        .where('run_at', '<=', of.now)
        .where(isIn('kind', of.kinds))
        .orderBy('run_at')
        .orderBy('id')
        .limit(of.limit),
    );
  const claim = statement((of: { now: number; until: number; kinds: readonly string[]; limit: number }) =>
    db
      .with('due', () => due(of))
      .updateTable('jobs')
      .set((row) => ({ run_at: of.until, attempts: row('attempts', '+', 1) }))
      .where('id', 'in', (row) => row.selectFrom('due').select('due.id'))
      .returningAll(),
  );
  const retry = statement((of: { id: string; runAt: number; error: string }) =>
    db.updateTable('jobs').set({ run_at: of.runAt, last_error: of.error }).where('id', '=', of.id),
  );
  // Ids are UUIDs of version 7: in order of age.
  const list = statement((of: { limit: number; minAttempts: number }) =>
    db.selectFrom('jobs').selectAll().where('attempts', '>=', of.minAttempts).orderBy('id').limit(of.limit),
  );
  const count = statement((of: { minAttempts: number }) =>
    db
      .selectFrom('jobs')
      .select((jobs) => jobs.fn.countAll<number>().as('count'))
      .where('attempts', '>=', of.minAttempts),
  );

  return {
    async add(jobs) {
      await engine.transact(() => queries.add(jobs));
    },

    async claim({ now, leaseMs, limit, kinds }) {
      const { rows } = await engine.write(claim({ now, until: now + leaseMs, kinds, limit }), essential);
      return rows.map(toJob).sort((a, b) => (a.id < b.id ? -1 : 1));
    },

    async done(ids) {
      await engine.transact(() => queries.clear(ids), essential);
    },

    async retry(id, runAt, error) {
      await engine.write(retry({ id, runAt, error: error.toWellFormed().replaceAll('\0', '') }), essential);
    },

    async list({ limit, minAttempts = 0 }) {
      return (await engine.read(list({ limit, minAttempts }))).map(toJob);
    },

    async count(minAttempts = 0) {
      const [row] = await engine.read(count({ minAttempts }));
      return row?.count ?? 0;
    },
  };
}
