import { sql } from 'kysely';
import type { AddressStore } from '../../core/address-store.ts';
import type { Context } from '../context.ts';
import { toFile } from '../rows.ts';
import { statement } from '../work.ts';

export function addressStore({ flavor: { db }, engine }: Context): AddressStore {
  type Page = { limit: number; offset: number };
  type Of = { address: string };
  const total = sql<number>`cast(count(*) as bigint)`;
  const uploaders = statement((of: Page) =>
    db
      .selectFrom('files')
      .select(['ip', total.as('files')])
      .where('ip', 'is not', null)
      .groupBy('ip')
      .orderBy('files', 'desc')
      .orderBy('ip')
      .limit(of.limit)
      .offset(of.offset),
  );
  const filesFrom = statement((of: Of & Page) =>
    db
      .selectFrom('files')
      .selectAll()
      .where('ip', '=', of.address)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(of.limit)
      .offset(of.offset),
  );
  const countFrom = statement((of: Of) =>
    db.selectFrom('files').select(total.as('files')).where('ip', '=', of.address),
  );
  const block = statement((of: Of & { at: number }) =>
    db
      .insertInto('blocked_addresses')
      .values({ address: of.address, blocked_at: of.at })
      .onConflict((conflict) => conflict.column('address').doNothing()),
  );
  const unblock = statement((of: Of) =>
    db.deleteFrom('blocked_addresses').where('address', '=', of.address),
  );
  const isBlocked = statement((of: Of) =>
    db.selectFrom('blocked_addresses').select('address').where('address', '=', of.address),
  );
  const blocked = statement(() =>
    db.selectFrom('blocked_addresses').select('address').orderBy('blocked_at').orderBy('address'),
  );

  return {
    async uploaders(page) {
      const rows = await engine.read(uploaders(page));
      return rows.map(({ ip, files }) => ({ address: ip ?? '', files }));
    },
    async filesFrom(address, page) {
      const [rows, [sum]] = await Promise.all([
        engine.read(filesFrom({ address, ...page })),
        engine.read(countFrom({ address })),
      ]);
      return { items: rows.map(toFile), total: sum?.files ?? 0 };
    },
    async block(address, at) {
      await engine.write(block({ address, at }));
    },
    async unblock(address) {
      await engine.write(unblock({ address }));
    },
    async isBlocked(address) {
      return (await engine.read(isBlocked({ address }))).length > 0;
    },
    async blocked() {
      return (await engine.read(blocked({}))).map(({ address }) => address);
    },
  };
}
