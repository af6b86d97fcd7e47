import { sql } from 'kysely';
import type { Category } from '../../core/metadata.ts';
import type { Flavor } from '../flavor.ts';
import type { CounterRow } from '../schema.ts';
import { type Query, run, statement, type Work } from '../work.ts';

export interface Change {
  readonly name: string;
  readonly items: number;
  readonly bytes: number;
}

/** Sums updated with every change, so that rows are never counted. */
export interface Counters {
  /**
   * Must be the last step of a transaction, because others may wait for it from here on. Ordered by
   * name, because two transactions could otherwise deadlock.
   */
  add(changes: readonly Change[]): Work<void>;
  read(names: readonly string[]): Query<{ readonly items: number; readonly bytes: number }>;
}

export const channelCounter = (channelId: string): string => `channel:${channelId}`;
export const categoryCounter = (category: Category): string => `files:${category}`;
export const allCategoryCounters = (['image', 'video', 'audio', 'document', 'other'] as const).map(
  categoryCounter,
);

export function counters({ db, isIn, counterShards }: Flavor): Counters {
  const insert = statement((row: CounterRow) =>
    db
      .insertInto('counters')
      .values({ name: row.name, shard: row.shard, items: row.items, bytes: row.bytes })
      .onConflict((conflict) =>
        conflict.columns(['name', 'shard']).doUpdateSet((old) => ({
          items: old('counters.items', '+', old.ref('excluded.items')),
          bytes: old('counters.bytes', '+', old.ref('excluded.bytes')),
        })),
      ),
  );
  const read = statement((of: { names: readonly string[] }) =>
    db
      .selectFrom('counters')
      .select([
        sql<number>`cast(coalesce(sum(items), 0) as bigint)`.as('items'),
        sql<number>`cast(coalesce(sum(bytes), 0) as bigint)`.as('bytes'),
      ])
      .where(isIn('name', of.names)),
  );

  return {
    *add(changes) {
      const shard = Math.floor(Math.random() * counterShards);
      const inOrder = changes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      for (const change of inOrder) {
        yield* run(insert({ ...change, shard }));
      }
    },
    read: (names) => read({ names }),
  };
}
