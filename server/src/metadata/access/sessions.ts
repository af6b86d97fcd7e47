import type { SessionKind, SessionStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import { sessionRow, toSession } from '../rows.ts';
import type { SessionRow } from '../schema.ts';
import { essential, first, run, statement } from '../work.ts';

export function sessionStore({ flavor: { db, lock }, engine }: Context): SessionStore {
  const insert = statement((row: SessionRow) =>
    db.insertInto('sessions').values({
      hash: row.hash,
      id: row.id,
      kind: row.kind,
      account_id: row.account_id,
      code_mark: row.code_mark,
      created_at: row.created_at,
      expires_at: row.expires_at,
      last_seen_at: row.last_seen_at,
      ip: row.ip,
      user_agent: row.user_agent,
    }),
  );
  const accountWith = statement((of: { id: string; hash: string }) =>
    lock(
      db
        .selectFrom('accounts')
        .select('id')
        .where('id', '=', of.id)
        .where('password_hash', '=', of.hash),
    ),
  );
  const get = statement((of: { id: string }) =>
    db.selectFrom('sessions').selectAll().where('id', '=', of.id),
  );
  const findByHash = statement((of: { hash: string }) =>
    db.selectFrom('sessions').selectAll().where('hash', '=', of.hash),
  );
  const list = statement((of: { now: number; limit: number }) =>
    db
      .selectFrom('sessions')
      .selectAll()
      .where('expires_at', '>', of.now)
      .where('kind', '<>', 'setup')
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(of.limit),
  );
  const remove = statement((of: { id: string }) =>
    db.deleteFrom('sessions').where('id', '=', of.id),
  );
  const removeKind = statement((of: { kind: SessionKind }) =>
    db.deleteFrom('sessions').where('kind', '=', of.kind),
  );
  // Never backwards, because nodes record uses in any order.
  const touch = statement((of: { id: string; at: number }) =>
    db
      .updateTable('sessions')
      .set({ last_seen_at: of.at })
      .where('id', '=', of.id)
      .where('last_seen_at', '<', of.at),
  );
  const removeExpired = statement((of: { now: number }) =>
    db.deleteFrom('sessions').where('expires_at', '<', of.now),
  );

  return {
    add(session, passwordHash) {
      return engine.transact(function* () {
        const account = { id: session.accountId ?? '', hash: passwordHash ?? '' };
        // The row is locked until the session is written: a change of the password removes it then.
        if (passwordHash !== undefined && (yield* first(accountWith(account))) === undefined) {
          return false;
        }
        yield* run(insert(sessionRow(session)));
        return true;
      }, essential);
    },

    async get(id) {
      const [row] = await engine.read(get({ id }));
      return row && toSession(row);
    },

    async findByHash(hash) {
      const [row] = await engine.read(findByHash({ hash }));
      return row && toSession(row);
    },

    async list({ now, limit }) {
      return (await engine.read(list({ now, limit }))).map(toSession);
    },

    async remove(id) {
      return (await engine.write(remove({ id }), essential)).changes > 0;
    },

    async removeKind(kind) {
      return (await engine.write(removeKind({ kind }), essential)).changes;
    },

    async touch(id, at) {
      await engine.transact(() => run(touch({ id, at })), { lazy: true });
    },

    async removeExpired(now) {
      return (await engine.write(removeExpired({ now }), essential)).changes;
    },
  };
}
