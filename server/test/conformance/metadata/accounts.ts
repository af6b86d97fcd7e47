import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newAccount, newId, newSession } from './fixtures.ts';

export function accountTests(nodes: () => Nodes): void {
  const clear = async (): Promise<void> => {
    const { accounts } = nodes().store;
    for (const { id } of await accounts.list()) {
      await accounts.remove(id);
    }
  };

  it('adds a first one only where there is none, whoever asks at once, and ends the links', async () => {
    const { store, other } = nodes();
    await clear();
    const link = newSession({ kind: 'setup' });
    await store.sessions.add(link);
    const added = await atOnce(8, [store, other], (node) => node.accounts.addFirst(newAccount()));
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await other.accounts.list()).toHaveLength(1);
    expect(await store.sessions.findByHash(link.hash)).toBeUndefined();
  });

  it('lists the oldest first', async () => {
    const { accounts } = nodes().store;
    await clear();
    const [second, first] = [newAccount({ createdAt: 2 }), newAccount({ createdAt: 1 })];
    await accounts.put(second);
    await accounts.put(first);
    expect(await accounts.list()).toEqual([first, second]);
  });

  it('puts an account over the row of its id, and ends its sessions and the links alone', async () => {
    const { store, other } = nodes();
    await clear();
    const account = newAccount();
    await store.accounts.put(account);
    const its = newSession({ kind: 'admin', accountId: account.id });
    const others = [newSession(), newSession({ kind: 'admin', accountId: newId() })];
    const link = newSession({ kind: 'setup' });
    for (const session of [its, link, ...others]) {
      await store.sessions.add(session);
    }
    const changed = { ...account, name: 'New', passwordHash: '$x', updatedAt: 2_000 };
    await other.accounts.put({ ...changed, createdAt: 9_000 });
    expect(await store.accounts.list()).toEqual([changed]);
    expect(await store.sessions.findByHash(its.hash)).toBeUndefined();
    expect(await store.sessions.findByHash(link.hash)).toBeUndefined();
    for (const session of others) {
      expect(await store.sessions.findByHash(session.hash)).toEqual(session);
    }
  });

  it('refuses a name twice', async () => {
    const { accounts } = nodes().store;
    const account = newAccount();
    await accounts.put(account);
    await expect(accounts.put(newAccount({ name: account.name }))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('replaces a hash only when it is the stored one, and keeps the sessions', async () => {
    const { store } = nodes();
    await clear();
    const account = newAccount();
    await store.accounts.put(account);
    const session = newSession({ kind: 'admin', accountId: account.id });
    await store.sessions.add(session);
    expect(await store.accounts.rehash(account.id, '$other', '$new')).toBe(false);
    expect(await store.accounts.rehash(newId(), account.passwordHash, '$new')).toBe(false);
    expect(await store.accounts.rehash(account.id, account.passwordHash, '$new')).toBe(true);
    expect(await store.accounts.list()).toEqual([{ ...account, passwordHash: '$new' }]);
    expect(await store.sessions.findByHash(session.hash)).toEqual(session);
  });

  it('removes once, with the sessions', async () => {
    const { store } = nodes();
    const account = newAccount();
    await store.accounts.put(account);
    const session = newSession({ kind: 'admin', accountId: account.id });
    await store.sessions.add(session);
    expect(await store.accounts.remove(account.id)).toBe(true);
    expect(await store.accounts.remove(account.id)).toBe(false);
    expect(await store.sessions.get(session.id)).toBeUndefined();
  });
}
