import type { SettingStore } from '../core/metadata.ts';
import type { Context } from './context.ts';
import { fromJson, toJson } from './rows.ts';
import type { SettingRow } from './schema.ts';
import { first, run, statement } from './work.ts';

export function settingStore({ flavor: { db }, engine }: Context): SettingStore {
  const get = statement((of: { name: string }) =>
    db.selectFrom('settings').select('value').where('name', '=', of.name),
  );
  const set = statement((row: SettingRow) =>
    db
      .insertInto('settings')
      .values({ name: row.name, value: row.value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: row.value })),
  );
  const add = statement((row: SettingRow) =>
    db
      .insertInto('settings')
      .values({ name: row.name, value: row.value })
      .onConflict((conflict) => conflict.column('name').doNothing()),
  );

  return {
    async get(name) {
      const [row] = await engine.read(get({ name }));
      return row && fromJson(row.value);
    },

    async set(name, value) {
      await engine.write(set({ name, value: toJson(value) }));
    },

    setIfAbsent(name, value) {
      return engine.transact(function* () {
        yield* run(add({ name, value: toJson(value) }));
        const row = yield* first(get({ name }));
        return row ? fromJson(row.value) : value;
      });
    },
  };
}
