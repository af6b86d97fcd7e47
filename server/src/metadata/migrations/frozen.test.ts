import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Flavor, postgresFlavor, sqliteFlavor } from '../flavor.ts';
import { migrations } from './index.ts';

/**
 * Hash of each migration's SQL. Databases that have run a migration never run it again, so a change
 * would give new databases another schema than old ones. A release adds the hashes of its
 * migrations here; none is ever edited.
 */
const frozen: Readonly<Record<string, { readonly sqlite: string; readonly postgresql: string }>> = {
  '0001-create-tables': { sqlite: '60cb30d76ace7f33', postgresql: '137cec07558716c0' },
};

it.each(Object.entries(frozen))(
  '%s does what it always did (mend it with a new migration)',
  (name, hashes) => {
    expect({
      sqlite: hashOf(name, sqliteFlavor()),
      postgresql: hashOf(name, postgresFlavor()),
    }).toEqual(hashes);
  },
);

it('migrations keep their order, and new ones come last', () => {
  const names = migrations.map(({ name }) => name);
  expect(names.slice(0, Object.keys(frozen).length)).toEqual(Object.keys(frozen));
  expect(names).toEqual(names.toSorted());
});

function hashOf(name: string, flavor: Flavor): string {
  const steps = migrations.find((migration) => migration.name === name)?.steps(flavor) ?? [];
  const statements = steps.map((step) =>
    JSON.stringify([step.compile().sql, step.compile().parameters]),
  );
  return createHash('sha256').update(statements.join('\n')).digest('hex').slice(0, 16);
}
