import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId } from './fixtures.ts';

export function settingTests(nodes: () => Nodes): void {
  it('answers what was set last', async () => {
    const { store, other } = nodes();
    const name = newId();
    expect(await store.settings.get(name)).toBeUndefined();
    for (const value of [{ a: [1] }, null, false, 0, '', []]) {
      await store.settings.set(name, value);
      expect(await other.settings.get(name)).toEqual(value);
    }
  });

  it('keeps a value that is there', async () => {
    const { settings } = nodes().store;
    const name = newId();
    expect(await settings.setIfAbsent(name, null)).toBeNull();
    expect(await settings.setIfAbsent(name, 'later')).toBeNull();
    expect(await settings.get(name)).toBeNull();
  });

  it('gives all nodes the same value when they start at once', async () => {
    const { store, other } = nodes();
    const name = newId();
    const values = await atOnce(30, [store, other], (node, index) =>
      node.settings.setIfAbsent(name, { key: index }),
    );
    expect(new Set(values.map((value) => JSON.stringify(value))).size).toBe(1);
    expect(await store.settings.get(name)).toEqual(values[0]);
  });

  it('passes its check, again and again', async () => {
    const { store, other } = nodes();
    await atOnce(10, [store, other], (node) => node.check());
  });
}
