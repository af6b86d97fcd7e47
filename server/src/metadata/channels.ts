import type { ChannelStore } from '../core/metadata.ts';
import type { Context } from './context.ts';
import { toChannel } from './rows.ts';
import type { ChannelRow } from './schema.ts';
import { essential, first, run, statement } from './work.ts';

export function channelStore({ flavor: { db }, engine }: Context): ChannelStore {
  const find = statement((of: { type: string; name: string }) =>
    db.selectFrom('channels').selectAll().where('type', '=', of.type).where('name', '=', of.name),
  );
  const list = statement(() =>
    db.selectFrom('channels').selectAll().orderBy('created_at').orderBy('id'),
  );
  const add = statement((row: ChannelRow) =>
    db
      .insertInto('channels')
      .values({ id: row.id, type: row.type, name: row.name, created_at: row.created_at })
      .onConflict((conflict) => conflict.columns(['type', 'name']).doNothing()),
  );

  return {
    ensure(record) {
      return engine.transact(function* () {
        yield* run(
          add({
            id: record.id,
            type: record.type,
            name: record.name,
            created_at: record.createdAt,
          }),
        );
        const row = yield* first(find({ type: record.type, name: record.name }));
        return row ? toChannel(row) : record;
      }, essential);
    },

    async list() {
      return (await engine.read(list({}))).map(toChannel);
    },
  };
}
