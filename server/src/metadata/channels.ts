import { sql } from 'kysely';
import { fail } from '../core/errors.ts';
import type { ChannelStore, StoredChannel } from '../core/metadata.ts';
import type { Context } from './context.ts';
import type { Flavor } from './flavor.ts';
import { channelCounter, counters } from './library/counters.ts';
import { fromJson, toChannel, toJson, toStoredChannel } from './rows.ts';
import { all, dynamic, essential, first, run, statement, type Work } from './work.ts';

const versionName = 'channels.version';

interface NewRow {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly created_at: number;
}

export function channelStore({ flavor, engine }: Context): ChannelStore {
  const { db, lockKey } = flavor;
  const queries = channelQueries(flavor);
  const usage = counters(flavor);
  function* version(): Work<number> {
    const row = yield* first(queries.version({ name: versionName }));
    return row === undefined ? 0 : Number(fromJson(row.value));
  }
  function* inTurn(): Work<void> {
    if (lockKey) {
      yield* run(dynamic(lockKey('stowage channels')));
    }
  }
  function* isInUse(id: string): Work<boolean> {
    const stored = yield* first(usage.read([channelCounter(id)]));
    const upload = yield* first(queries.upload({ id }));
    const job = yield* first(queries.job({ id }));
    return Number(stored?.items ?? 0) > 0 || upload !== undefined || job !== undefined;
  }

  return {
    ensure(record) {
      return engine.transact(function* () {
        yield* run(
          queries.add({
            id: record.id,
            type: record.type,
            name: record.name,
            created_at: record.createdAt,
          }),
        );
        const row = yield* first(queries.find({ type: record.type, name: record.name }));
        return row ? toChannel(row) : record;
      }, essential);
    },

    async list() {
      return (await engine.read(queries.list({}))).map(toChannel);
    },

    stored() {
      return engine.transact(function* () {
        const rows = yield* all(queries.stored({}));
        return { version: yield* version(), channels: rows.map(toStoredChannel) };
      });
    },

    async version() {
      const [row] = await engine.read(queries.version({ name: versionName }));
      return row === undefined ? 0 : Number(fromJson(row.value));
    },

    change(from, channels) {
      return engine.transact(function* () {
        yield* inTurn();
        if ((yield* version()) !== from) {
          return false;
        }
        for (const channel of channels) {
          const namesake = yield* first(queries.find({ type: channel.type, name: channel.name }));
          if (namesake !== undefined && namesake.id !== channel.id) {
            throw fail('conflict', {
              message: `name: another channel of the type ${channel.type} is called "${channel.name}".`,
            });
          }
          yield* run(dynamic(put(db, channel)));
        }
        yield* run(queries.setVersion({ name: versionName, value: toJson(from + 1) }));
        return true;
      }, essential);
    },

    isInUse: (id) => engine.transact(() => isInUse(id)),

    forgetRemoved(before) {
      return engine.transact(function* () {
        yield* inTurn();
        let forgotten = 0;
        for (const { id } of yield* all(queries.removed({ before }))) {
          if (!(yield* isInUse(id))) {
            forgotten += yield* run(queries.forget({ id }));
          }
        }
        return forgotten;
      }, essential);
    },
  };
}

function channelQueries({ db }: Flavor) {
  return {
    find: statement((of: { type: string; name: string }) =>
      db.selectFrom('channels').selectAll().where('type', '=', of.type).where('name', '=', of.name),
    ),
    list: statement(() =>
      db.selectFrom('channels').selectAll().orderBy('created_at').orderBy('id'),
    ),
    stored: statement(() =>
      db
        .selectFrom('channels')
        .selectAll()
        .where('settings', 'is not', null)
        .orderBy('position')
        .orderBy('created_at')
        .orderBy('id'),
    ),
    add: statement((row: NewRow) =>
      db
        .insertInto('channels')
        .values({ id: row.id, type: row.type, name: row.name, created_at: row.created_at })
        .onConflict((conflict) => conflict.columns(['type', 'name']).doNothing()),
    ),
    removed: statement((of: { before: number }) =>
      db.selectFrom('channels').select('id').where('removed_at', '<', of.before),
    ),
    forget: statement((of: { id: string }) =>
      db
        .updateTable('channels')
        .set({ settings: null, options: null, removed_at: null })
        .where('id', '=', of.id),
    ),
    upload: statement((of: { id: string }) =>
      db.selectFrom('uploads').select('id').where('channel_id', '=', of.id).limit(1),
    ),
    // Ids of channels have no characters that mean something to LIKE, except the underscore.
    job: statement((of: { id: string }) =>
      db
        .selectFrom('jobs')
        .select('id')
        .where(sql<string>`payload`, 'like', sql<string>`'%"' || cast(${of.id} as text) || '"%'`)
        .limit(1),
    ),
    version: statement((of: { name: string }) =>
      db.selectFrom('settings').select('value').where('name', '=', of.name),
    ),
    setVersion: statement((of: { name: string; value: string }) =>
      db
        .insertInto('settings')
        .values({ name: of.name, value: of.value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: of.value })),
    ),
  };
}

function put(db: Flavor['db'], channel: StoredChannel) {
  const row = {
    type: channel.type,
    name: channel.name,
    settings: toJson(channel.settings),
    options: toJson(channel.options),
    enabled: channel.enabled ? 1 : 0,
    draining: channel.draining ? 1 : 0,
    position: channel.position,
    removed_at: channel.removedAt,
  };
  return db
    .insertInto('channels')
    .values({ ...row, id: channel.id, created_at: channel.createdAt })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row));
}
