import type { TokenRecord, TokenStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import { toJson, tokenRow, toToken, withoutUndefined } from '../rows.ts';
import type { TokenRow } from '../schema.ts';
import { dynamic, essential, first, run, statement, type Work } from '../work.ts';

type TokenPatch = Parameters<TokenStore['update']>[1];

export function tokenStore({ flavor: { db, lockKey }, engine }: Context): TokenStore {
  const get = statement((of: { id: string }) =>
    db.selectFrom('tokens').selectAll().where('id', '=', of.id),
  );
  const findByHash = statement((of: { hash: string }) =>
    db.selectFrom('tokens').selectAll().where('hash', '=', of.hash),
  );
  const list = statement(() =>
    db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id'),
  );
  const remove = statement((of: { id: string }) => db.deleteFrom('tokens').where('id', '=', of.id));
  const removeExpired = statement((of: { now: number }) =>
    db.deleteFrom('tokens').where('auto_delete', '=', 1).where('expires_at', '<', of.now),
  );
  // Never backwards, because nodes record their uses in any order.
  const touch = statement((of: { id: string; at: number }) =>
    db
      .updateTable('tokens')
      .set({ last_used_at: of.at })
      .where('id', '=', of.id)
      .where((when) =>
        when.or([when('last_used_at', 'is', null), when('last_used_at', '<', of.at)]),
      ),
  );

  const any = statement(() => db.selectFrom('tokens').select('id').limit(1));
  const renew = statement((of: { hash: string; expiresAt: number | null }) =>
    db.updateTable('tokens').set({ expires_at: of.expiresAt }).where('hash', '=', of.hash),
  );
  const insert = (token: TokenRecord) => db.insertInto('tokens').values(tokenRow(token));
  const replace = ({ id: _, created_at: __, ...row }: TokenRow, token: TokenRecord) =>
    insert(token).onConflict((conflict) => conflict.column('id').doUpdateSet(row));
  function* inTurn(): Work<void> {
    if (lockKey) {
      yield* run(dynamic(lockKey('stowage tokens')));
    }
  }

  return {
    addFirst(token) {
      return engine.transact(function* () {
        yield* inTurn();
        if ((yield* first(any({}))) !== undefined) {
          return false;
        }
        yield* run(dynamic(insert(token)));
        return true;
      }, essential);
    },

    async put(token) {
      await engine.transact(function* () {
        yield* inTurn();
        const { hash, expiresAt } = token;
        if ((yield* run(renew({ hash, expiresAt }))) === 0) {
          yield* run(dynamic(replace(tokenRow(token), token)));
        }
      }, essential);
    },

    async add(token) {
      await engine.write(dynamic(insert(token)));
    },

    async get(id) {
      const [row] = await engine.read(get({ id }));
      return row && toToken(row);
    },

    async findByHash(hash) {
      const [row] = await engine.read(findByHash({ hash }));
      return row && toToken(row);
    },

    async list() {
      return (await engine.read(list({}))).map(toToken);
    },

    async update(id, patch) {
      const set = patchRow(patch);
      const query =
        Object.keys(set).length === 0
          ? get({ id })
          : dynamic(db.updateTable('tokens').set(set).where('id', '=', id).returningAll());
      const { rows } = await engine.write(query);
      return rows[0] && toToken(rows[0]);
    },

    async remove(id) {
      return (await engine.write(remove({ id }), essential)).changes > 0;
    },

    async touch(id, at) {
      await engine.transact(() => run(touch({ id, at })), { lazy: true });
    },

    async removeExpired(now) {
      return (await engine.write(removeExpired({ now }), essential)).changes;
    },
  };
}

function patchRow(patch: TokenPatch): Partial<TokenRow> {
  const { permissions, autoDelete } = patch;
  return withoutUndefined({
    name: patch.name,
    permissions: permissions && toJson(permissions),
    expires_at: patch.expiresAt,
    auto_delete: autoDelete === undefined ? undefined : Number(autoDelete),
    updated_at: patch.updatedAt,
  });
}
