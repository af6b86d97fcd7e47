import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId } from './fixtures.ts';

export function leaseTests(nodes: () => Nodes): void {
  it('belong to one owner until they end, who may renew and release them', async () => {
    const { leases } = nodes().store;
    const other = nodes().other.leases;
    const name = newId();
    expect(await leases.isHeld(name, 0)).toBe(false);
    expect(await leases.take({ name, owner: 'a', now: 0, until: 100 })).toBe(true);
    expect(await other.take({ name, owner: 'b', now: 99, until: 200 })).toBe(false);
    expect(await leases.take({ name, owner: 'a', now: 99, until: 150 })).toBe(true);
    await other.release(name, 'b');
    expect(await other.isHeld(name, 149)).toBe(true);
    expect(await other.isHeld(name, 150)).toBe(false);
    expect(await other.take({ name, owner: 'b', now: 150, until: 300 })).toBe(true);
    expect(await leases.take({ name, owner: 'a', now: 151, until: 400 })).toBe(false);
    await other.release(name, 'b');
    expect(await leases.isHeld(name, 151)).toBe(false);
    expect(await leases.take({ name, owner: 'a', now: 151, until: 400 })).toBe(true);
  });

  it('go to exactly one of many who want them at once', async () => {
    const { store, other } = nodes();
    const name = newId();
    const results = await atOnce(20, [store, other], ({ leases }, index) =>
      leases.take({ name, owner: `owner ${index}`, now: 0, until: 100 }),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
  });
}
