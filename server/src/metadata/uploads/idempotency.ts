import type { IdempotencyStore } from '../../core/metadata.ts';
import type { Context } from '../context.ts';
import { fromJson, toJson } from '../rows.ts';
import { essential, first, run, statement } from '../work.ts';

export function idempotencyStore({ flavor, engine }: Context): IdempotencyStore {
  const { db } = flavor;
  type Entry = { owner: string; key: string };
  type Claim = Entry & { requestHash: string; now: number; staleBefore: number; expiresAt: number };

  const find = statement((of: Entry) =>
    db
      .selectFrom('idempotency')
      .select(['request_hash', 'response'])
      .where('owner', '=', of.owner)
      .where('key', '=', of.key),
  );
  const claim = statement((of: Claim) => {
    const row = { request_hash: of.requestHash, claimed_at: of.now, expires_at: of.expiresAt };
    return db
      .insertInto('idempotency')
      .values({ owner: of.owner, key: of.key, ...row })
      .onConflict((conflict) =>
        conflict
          .columns(['owner', 'key'])
          .doUpdateSet({ ...row, response: null })
          .where((old) =>
            old.or([
              old('idempotency.expires_at', '<', of.now),
              old.and([
                old('idempotency.response', 'is', null),
                old('idempotency.claimed_at', '<', of.staleBefore),
              ]),
            ]),
          ),
      );
  });
  const finish = statement((of: Entry & { response: string; expiresAt: number }) =>
    db
      .updateTable('idempotency')
      .set({ response: of.response, expires_at: of.expiresAt })
      .where('owner', '=', of.owner)
      .where('key', '=', of.key),
  );
  const release = statement((of: Entry) =>
    db
      .deleteFrom('idempotency')
      .where('owner', '=', of.owner)
      .where('key', '=', of.key)
      .where('response', 'is', null),
  );
  const removeExpired = statement((of: { now: number }) =>
    db.deleteFrom('idempotency').where('expires_at', '<', of.now),
  );

  return {
    begin({ owner, key, requestHash, now, claimMs, expiresAt }) {
      return engine.transact(function* () {
        const claimed = yield* run(
          claim({ owner, key, requestHash, now, staleBefore: now - claimMs, expiresAt }),
        );
        // A row that it leaves unchanged is still locked, so it cannot be released meanwhile.
        const known = claimed > 0 ? undefined : yield* first(find({ owner, key }));
        if (!known) {
          return { state: 'claimed' };
        }
        if (known.response === null) {
          return { state: 'in_flight', requestHash: known.request_hash };
        }
        return {
          state: 'done',
          requestHash: known.request_hash,
          response: fromJson(known.response),
        };
      });
    },

    async finish(owner, key, response, expiresAt) {
      await engine.write(finish({ owner, key, response: toJson(response), expiresAt }), essential);
    },

    async release(owner, key) {
      await engine.write(release({ owner, key }), essential);
    },

    async removeExpired(now) {
      return (await engine.write(removeExpired({ now }), essential)).changes;
    },
  };
}
