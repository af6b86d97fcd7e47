import { randomUUID } from 'node:crypto';
import type { JobLease, JobStore } from '../core/metadata.ts';
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
  const claim = statement(
    (of: { now: number; until: number; kinds: readonly string[]; limit: number; lease: string }) =>
      db
        .with('due', () => due(of))
        .updateTable('jobs')
        .set((row) => ({ run_at: of.until, attempts: row('attempts', '+', 1), lease: of.lease }))
        .where('id', 'in', (row) => row.selectFrom('due').select('due.id'))
        .returningAll(),
  );
  const retry = statement((of: { id: string; runAt: number; error: string }) =>
    db
      .updateTable('jobs')
      .set({ run_at: of.runAt, last_error: of.error, lease: null })
      .where('id', '=', of.id),
  );
  const postpone = statement((of: JobLease & { runAt: number; error: string }) =>
    db
      .updateTable('jobs')
      .set({ run_at: of.runAt, last_error: of.error, lease: null })
      .where('id', '=', of.id)
      .where('lease', '=', of.lease),
  );
  const finish = statement((of: JobLease) =>
    db.deleteFrom('jobs').where('id', '=', of.id).where('lease', '=', of.lease),
  );
  // Every claim has its own lease, so the two lists together match no other pair.
  const renew = statement(
    (of: { ids: readonly string[]; leases: readonly string[]; until: number }) =>
      db
        .updateTable('jobs')
        .set({ run_at: of.until })
        .where(isIn('id', of.ids))
        .where(isIn('lease', of.leases))
        .returning(['id', 'lease']),
  );
  const giveBack = statement((of: { now: number }) =>
    db.updateTable('jobs').set({ run_at: of.now, lease: null }).where('lease', 'is not', null),
  );
  // Ids are UUIDs of version 7: in order of age.
  const list = statement((of: { limit: number }) =>
    db.selectFrom('jobs').selectAll().orderBy('id').limit(of.limit),
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
      const lease = randomUUID();
      const { rows } = await engine.write(
        claim({ now, until: now + leaseMs, kinds, limit, lease }),
        essential,
      );
      return rows.map((row) => ({ ...toJob(row), lease })).sort((a, b) => (a.id < b.id ? -1 : 1));
    },

    async renew(leases, until) {
      const wanted = {
        ids: leases.map(({ id }) => id),
        leases: leases.map(({ lease }) => lease),
        until,
      };
      const { rows } = await engine.write(renew(wanted), essential);
      const kept = new Map(rows.map(({ id, lease }) => [id, lease]));
      return leases.filter(({ id, lease }) => kept.get(id) === lease).map(({ id }) => id);
    },

    async finish({ id, lease }) {
      await engine.write(finish({ id, lease }), essential);
    },

    async postpone({ id, lease }, runAt, error) {
      await engine.write(postpone({ id, lease, runAt, error: storable(error) }), essential);
    },

    async giveBack(now) {
      return (await engine.write(giveBack({ now }), essential)).changes;
    },

    async done(ids) {
      await engine.transact(() => queries.clear(ids), essential);
    },

    async retry(id, runAt, error) {
      await engine.write(retry({ id, runAt, error: storable(error) }), essential);
    },

    async list({ limit }) {
      return (await engine.read(list({ limit }))).map(toJob);
    },

    async count(minAttempts = 0) {
      const [row] = await engine.read(count({ minAttempts }));
      return row?.count ?? 0;
    },
  };
}

/** A remote's error message, whatever it contains, must not make the job fail to be stored. */
function storable(error: string): string {
  return error.toWellFormed().replaceAll('\0', '');
}
