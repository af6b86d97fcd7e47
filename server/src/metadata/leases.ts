import type { LeaseStore } from '../core/metadata.ts';
import type { Context } from './context.ts';
import { essential, statement } from './work.ts';

export function leaseStore({ flavor: { db }, engine }: Context): LeaseStore {
  type Taken = { name: string; owner: string; now: number; until: number };
  const take = statement((of: Taken) =>
    db
      .insertInto('leases')
      .values({ name: of.name, owner: of.owner, held_until: of.until })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ owner: of.owner, held_until: of.until })
          .where((row) =>
            row.or([row('leases.owner', '=', of.owner), row('leases.held_until', '<=', of.now)]),
          ),
      ),
  );
  const release = statement((of: { name: string; owner: string }) =>
    db.deleteFrom('leases').where('name', '=', of.name).where('owner', '=', of.owner),
  );
  const held = statement((of: { name: string; now: number }) =>
    db
      .selectFrom('leases')
      .select('name')
      .where('name', '=', of.name)
      .where('held_until', '>', of.now),
  );

  return {
    take: async (lease) => (await engine.write(take({ ...lease }), essential)).changes > 0,
    async release(name, owner) {
      await engine.write(release({ name, owner }), essential);
    },
    isHeld: async (name, now) => (await engine.read(held({ name, now }))).length > 0,
  };
}
