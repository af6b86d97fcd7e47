import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId, newToken } from './fixtures.ts';

export function tokenTests(nodes: () => Nodes): void {
  it('answers what was added, by id and by hash', async () => {
    const { tokens } = nodes().store;
    const token = newToken({
      permissions: ['upload', 'list', 'delete', 'manage'],
      expiresAt: 5e12,
      autoDelete: true,
      lastUsedAt: 3,
    });
    await tokens.add(token);
    expect(await tokens.get(token.id)).toEqual(token);
    expect(await nodes().other.tokens.findByHash(token.hash)).toEqual(token);
    expect(await tokens.get(newId())).toBeUndefined();
    expect(await tokens.findByHash(token.hash.toUpperCase())).toBeUndefined();
    expect(await tokens.findByHash('')).toBeUndefined();
  });

  it('refuses an id or a hash twice', async () => {
    const { tokens } = nodes().store;
    const token = newToken();
    await tokens.add(token);
    await expect(tokens.add(newToken({ id: token.id }))).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(tokens.add(newToken({ hash: token.hash }))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('adds a first one only where there is none, whoever asks at once', async () => {
    const { store, other } = nodes();
    for (const { id } of await store.tokens.list()) {
      await store.tokens.remove(id);
    }
    const added = await atOnce(8, [store, other], (node) => node.tokens.addFirst(newToken()));
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await store.tokens.list()).toHaveLength(1);
  });

  it('puts a token over the row of its id, or renews the one that has its hash, whoever asks at once', async () => {
    const { store, other } = nodes();
    const token = newToken();
    await atOnce(8, [store, other], (node) => node.tokens.put(token));
    expect(await store.tokens.get(token.id)).toEqual(token);
    const next = newToken({ id: token.id, createdAt: token.createdAt, expiresAt: 7e12 });
    await store.tokens.put(next);
    expect(await store.tokens.get(token.id)).toEqual(next);
    expect(await store.tokens.findByHash(token.hash)).toBeUndefined();
    await store.tokens.put(newToken({ hash: next.hash, expiresAt: 8e12 }));
    expect(await store.tokens.findByHash(next.hash)).toEqual({ ...next, expiresAt: 8e12 });
  });

  it('lists the oldest first', async () => {
    const { tokens } = nodes().store;
    const rows = [
      newToken({ createdAt: 2 }),
      newToken({ createdAt: 1 }),
      newToken({ createdAt: 2 }),
    ];
    for (const token of rows) {
      await tokens.add(token);
    }
    expect((await tokens.list()).slice(0, 3)).toEqual([rows[1], rows[0], rows[2]]);
  });

  it('changes what the patch names and keeps the rest', async () => {
    const { tokens } = nodes().store;
    const token = newToken();
    await tokens.add(token);
    expect(await tokens.update(token.id, { name: 'New' })).toEqual({ ...token, name: 'New' });
    const patch = {
      permissions: ['delete'],
      expiresAt: 9,
      autoDelete: true,
      updatedAt: 8,
    } as const;
    expect(await tokens.update(token.id, patch)).toEqual({ ...token, name: 'New', ...patch });
    expect(await tokens.update(token.id, { expiresAt: null, autoDelete: false })).toMatchObject({
      expiresAt: null,
      autoDelete: false,
    });
    expect(await tokens.update(token.id, {})).toEqual(await tokens.get(token.id));
    expect(await tokens.update(newId(), { name: 'x' })).toBeUndefined();
    expect(await tokens.update(newId(), {})).toBeUndefined();
  });

  it('removes once', async () => {
    const { tokens } = nodes().store;
    const token = newToken();
    await tokens.add(token);
    expect(await tokens.remove(token.id)).toBe(true);
    expect(await tokens.remove(token.id)).toBe(false);
    expect(await nodes().other.tokens.findByHash(token.hash)).toBeUndefined();
  });

  it('notes the last use', async () => {
    const { tokens } = nodes().store;
    const token = newToken();
    await tokens.add(token);
    await tokens.touch(token.id, 50);
    await tokens.touch(token.id, 40);
    expect(await tokens.get(token.id)).toEqual({ ...token, lastUsedAt: 50 });
    await tokens.touch(newId(), 50);
  });

  it('removes expired tokens that ask for it', async () => {
    const { tokens } = nodes().store;
    const gone = [
      newToken({ autoDelete: true, expiresAt: 10 }),
      newToken({ autoDelete: true, expiresAt: 99 }),
    ];
    const kept = [
      newToken({ autoDelete: false, expiresAt: 10 }),
      newToken({ autoDelete: true, expiresAt: 100 }),
      newToken({ autoDelete: true, expiresAt: null }),
    ];
    for (const token of [...gone, ...kept]) {
      await tokens.add(token);
    }
    expect(await tokens.removeExpired(100)).toBe(2);
    for (const { id } of gone) {
      expect(await tokens.get(id)).toBeUndefined();
    }
    for (const token of kept) {
      expect(await tokens.get(token.id)).toEqual(token);
    }
    expect(await tokens.removeExpired(100)).toBe(0);
  });
}
