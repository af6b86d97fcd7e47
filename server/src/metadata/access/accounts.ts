import type { AccountRecord, AccountStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import { accountRow, toAccount } from '../rows.ts';
import { dynamic, essential, first, run, statement, type Work } from '../work.ts';

export function accountStore({ flavor: { db, lockKey }, engine }: Context): AccountStore {
  const list = statement(() =>
    db.selectFrom('accounts').selectAll().orderBy('created_at').orderBy('id'),
  );
  const any = statement(() => db.selectFrom('accounts').select('id').limit(1));
  const rehash = statement((of: { id: string; from: string; to: string }) =>
    db
      .updateTable('accounts')
      .set({ password_hash: of.to })
      .where('id', '=', of.id)
      .where('password_hash', '=', of.from),
  );
  const remove = statement((of: { id: string }) =>
    db.deleteFrom('accounts').where('id', '=', of.id),
  );
  const endSessions = statement((of: { id: string }) =>
    db
      .deleteFrom('sessions')
      .where((row) => row.or([row('account_id', '=', of.id), row('kind', '=', 'setup')])),
  );
  const insert = (account: AccountRecord) => db.insertInto('accounts').values(accountRow(account));
  const write = (account: AccountRecord) => {
    const { id: _, created_at: __, ...row } = accountRow(account);
    return insert(account).onConflict((conflict) => conflict.column('id').doUpdateSet(row));
  };
  function* inTurn(): Work<void> {
    if (lockKey) {
      yield* run(dynamic(lockKey('stowage accounts')));
    }
  }

  return {
    addFirst(account) {
      return engine.transact(function* () {
        yield* inTurn();
        if ((yield* first(any({}))) !== undefined) {
          return false;
        }
        yield* run(dynamic(insert(account)));
        yield* run(endSessions({ id: account.id }));
        return true;
      }, essential);
    },

    async put(account) {
      await engine.transact(function* () {
        yield* inTurn();
        yield* run(dynamic(write(account)));
        yield* run(endSessions({ id: account.id }));
      }, essential);
    },

    async rehash(id, from, to) {
      return (await engine.write(rehash({ id, from, to }))).changes > 0;
    },

    async list() {
      return (await engine.read(list({}))).map(toAccount);
    },

    remove(id) {
      return engine.transact(function* () {
        yield* inTurn();
        const removed = yield* run(remove({ id }));
        yield* run(endSessions({ id }));
        return removed > 0;
      }, essential);
    },
  };
}
