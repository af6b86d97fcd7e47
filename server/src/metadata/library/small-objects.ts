import type { SmallObjectStore } from '../../core/small-objects.ts';
import type { Context } from '../context.ts';
import type { Flavor } from '../flavor.ts';
import { essential, type Query, statement } from '../work.ts';

/** Rows of small objects. Undefined for databases that keep none. */
export function smallObjectStore({ flavor, engine }: Context): SmallObjectStore | undefined {
  const { db, bytes } = flavor;
  type Of = { id: string };
  const get = statement((of: Of) =>
    db.selectFrom('small_objects').select('bytes').where('blob_id', '=', of.id),
  );
  const remove = statement((of: Of) => db.deleteFrom('small_objects').where('blob_id', '=', of.id));
  return bytes === undefined
    ? undefined
    : {
        async get(id) {
          const [row] = await engine.read(get({ id }));
          return row?.bytes;
        },
        async delete(id) {
          await engine.write(remove({ id }), essential);
        },
      };
}

/** The step that writes the bytes of a new blob. */
export function insertSmallObject({
  db,
}: Flavor): (row: { id: string; bytes: Uint8Array }) => Query {
  return statement((row: { id: string; bytes: Uint8Array }) =>
    db.insertInto('small_objects').values({ blob_id: row.id, bytes: row.bytes }),
  );
}
