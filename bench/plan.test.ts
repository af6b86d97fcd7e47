import { describe, expect, it } from 'vitest';
import { cellsOf } from './plan.ts';
import { scenarios } from './scenarios/index.ts';
import type { SubjectKind } from './subject.ts';

const kind = (name: string, only?: readonly string[]): SubjectKind => ({
  id: name,
  name,
  scenarios: only,
  obstacle: () => undefined,
  start: () => Promise.reject(new Error('not started here')),
});

describe('the order of measurements', () => {
  const plan = scenarios.filter(({ id }) => id === 'small' || id === 'raw');
  const kinds = [kind('a'), kind('b'), kind('c', ['raw']), kind('d', ['raw'])];
  const cells = cellsOf(kinds, plan, 4);
  const ordersOf = (id: string) =>
    Array.from({ length: 4 }, (_, round) =>
      cells
        .filter((cell) => cell.round === round && cell.scenario.id === id)
        .map((cell) => cell.kind.name)
        .join(''),
    );

  it('has every scenario in every round, for the servers that take part', () => {
    const sorted = (order: string) => [...order].sort().join('');
    expect(new Set(ordersOf('small').map(sorted))).toEqual(new Set(['ab']));
    expect(new Set(ordersOf('raw').map(sorted))).toEqual(new Set(['abcd']));
  });

  it.each(['small', 'raw'])('lets every server be the first (%s)', (id) => {
    const firsts = ordersOf(id).map((order) => order[0]);
    expect(new Set(firsts)).toEqual(new Set(ordersOf(id)[0]));
  });

  it.each(['small', 'raw'])('lets each of two come before the other (%s)', (id) => {
    const isBefore = ordersOf(id).map((order) => order.indexOf('a') < order.indexOf('b'));
    expect(isBefore.filter(Boolean)).toHaveLength(2);
  });
});
