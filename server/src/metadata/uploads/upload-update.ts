import type { Flavor } from '../flavor.ts';
import type { UploadRow } from '../schema.ts';
import { type Query, statement } from '../work.ts';

type Change = Partial<UploadRow>;

/**
 * The compare-and-swap of an upload's row, which returns the new row. One statement for each set of
 * columns that is ever changed together.
 */
export function uploadUpdate({
  db,
}: Flavor): (id: string, version: number, change: Change) => Query<UploadRow> {
  type Slots = Record<string, never> & { id: string; version: number };
  const prepare = (columns: readonly string[]) =>
    statement((of: Slots) =>
      db
        .updateTable('uploads')
        .set((row) => ({
          version: row('version', '+', 1),
          ...(Object.fromEntries(columns.map((name) => [name, of[name]])) as Change),
        }))
        .where('id', '=', of.id)
        .where('version', '=', of.version)
        .returningAll(),
    );
  const prepared = new Map<string, ReturnType<typeof prepare>>();

  return (id, version, change) => {
    const columns = Object.keys(change);
    const shape = columns.join();
    const query = prepared.get(shape) ?? prepare(columns);
    prepared.set(shape, query);
    return query({ ...change, id, version } as Slots);
  };
}
