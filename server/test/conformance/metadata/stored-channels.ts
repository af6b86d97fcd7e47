import { expect, it } from 'vitest';
import type { StoredChannel } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId } from './fixtures.ts';

export function storedChannelTests(nodes: () => Nodes): void {
  const channelOf = (more: Partial<StoredChannel> = {}): StoredChannel => ({
    id: newId(),
    type: 's3',
    name: newId(),
    createdAt: 5,
    settings: { bucket: 'b', password: { v: 1, data: 'x' } },
    options: { weight: 2 },
    enabled: true,
    draining: false,
    position: 0,
    removedAt: null,
    ...more,
  });
  const write = async (...channels: readonly StoredChannel[]) => {
    const { store } = nodes();
    expect(await store.channels.change(await store.channels.version(), channels)).toBe(true);
  };
  const stored = async (id: string) =>
    (await nodes().other.channels.stored()).channels.find((channel) => channel.id === id);

  it('keeps channels that are made at run time', async () => {
    const { store, other } = nodes();
    const channel = channelOf();
    const before = await other.channels.version();
    await write(channel);
    expect(await other.channels.version()).toBeGreaterThan(before);
    expect(await stored(channel.id)).toEqual(channel);
    const { id, type, name, createdAt } = channel;
    expect(await store.channels.list()).toContainEqual({ id, type, name, createdAt });
    const changed = {
      ...channel,
      name: newId(),
      settings: {},
      enabled: false,
      draining: true,
      position: 7,
      removedAt: 900,
    };
    await write({ ...changed, createdAt: 6 });
    expect(await stored(channel.id)).toEqual(changed);
    expect((await store.channels.stored()).version).toBe(await other.channels.version());
  });

  it('lists them in their order, without those of the configuration', async () => {
    const { store } = nodes();
    const [first, second] = [channelOf({ position: 1 }), channelOf({ position: 2 })];
    await write(second, first);
    const fixed = { id: newId(), type: 's3', name: newId(), createdAt: 1 };
    await store.channels.ensure(fixed);
    const ids = (await store.channels.stored()).channels.map(({ id }) => id);
    expect(ids.indexOf(first.id)).toBeLessThan(ids.indexOf(second.id));
    expect(ids).not.toContain(fixed.id);
  });

  it('writes nothing when another change came first', async () => {
    const { store, other } = nodes();
    const version = await store.channels.version();
    const channels = Array.from({ length: 8 }, () => channelOf());
    const won = await atOnce(8, [store, other], async (node, index) =>
      node.channels.change(version, [channels[index] ?? channelOf()]),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const found = await Promise.all(channels.map(({ id }) => stored(id)));
    expect(found.map((channel) => channel !== undefined)).toEqual(won);
  });

  it('refuses a name that another channel of the type has', async () => {
    const { store } = nodes();
    const channel = channelOf();
    await write(channel);
    const other = channelOf();
    const version = await store.channels.version();
    await expect(
      store.channels.change(version, [other, channelOf({ name: channel.name })]),
    ).rejects.toMatchObject({ code: 'conflict' });
    expect(await stored(other.id)).toBeUndefined();
    await write(channelOf({ name: channel.name, type: 'local' }));
  });

  it('forgets removed channels that are not in use', async () => {
    const { store } = nodes();
    const [removed, recent, used] = [
      channelOf({ removedAt: 10 }),
      channelOf({ removedAt: 30 }),
      channelOf({ removedAt: 10 }),
    ];
    await write(removed, recent, used);
    await store.jobs.add([
      {
        id: newId(),
        kind: 'delete_object',
        payload: { channelId: used.id, ref: 'x' },
        runAt: 1e15,
      },
    ]);
    expect(await store.channels.isInUse(removed.id)).toBe(false);
    expect(await store.channels.isInUse(used.id)).toBe(true);
    expect(await store.channels.forgetRemoved(20)).toBe(1);
    expect(await stored(removed.id)).toBeUndefined();
    expect(await stored(recent.id)).toEqual(recent);
    expect(await stored(used.id)).toEqual(used);
    const { id, type, name, createdAt } = removed;
    expect(await store.channels.list()).toContainEqual({ id, type, name, createdAt });
  });
}
