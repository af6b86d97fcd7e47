import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId } from './fixtures.ts';

export function channelTests(nodes: () => Nodes): void {
  it('gives a name its id once and for all', async () => {
    const { store, other } = nodes();
    const record = { id: newId(), type: 's3', name: 'main', createdAt: 5 };
    expect(await store.channels.ensure(record)).toEqual(record);
    expect(await other.channels.ensure({ ...record, id: newId(), createdAt: 6 })).toEqual(record);
    const local = { ...record, id: newId(), type: 'local', createdAt: 4 };
    const upper = { ...record, id: newId(), name: 'Main', createdAt: 7 };
    expect(await store.channels.ensure(local)).toEqual(local);
    expect(await store.channels.ensure(upper)).toEqual(upper);
    expect(await store.channels.list()).toEqual([local, record, upper]);
  });

  it('gives all nodes the same id when they start at once', async () => {
    const { store, other } = nodes();
    const name = newId();
    const records = await atOnce(20, [store, other], (node) =>
      node.channels.ensure({ id: newId(), type: 'local', name, createdAt: 1 }),
    );
    expect(new Set(records.map(({ id }) => id)).size).toBe(1);
  });
}
