import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newAccount, newId, newSession } from './fixtures.ts';

export function sessionTests(nodes: () => Nodes): void {
  it('answers what was added, by id and by hash', async () => {
    const { store, other } = nodes();
    const session = newSession({ kind: 'admin', accountId: 'owner', codeMark: 'mark' });
    expect(await store.sessions.add(session)).toBe(true);
    expect(await other.sessions.get(session.id)).toEqual(session);
    expect(await other.sessions.findByHash(session.hash)).toEqual(session);
    expect(await store.sessions.get(newId())).toBeUndefined();
    expect(await store.sessions.findByHash('')).toBeUndefined();
  });

  it('refuses an id or a hash twice', async () => {
    const { sessions } = nodes().store;
    const session = newSession();
    await sessions.add(session);
    for (const twice of [{ id: session.id }, { hash: session.hash }]) {
      await expect(sessions.add(newSession(twice))).rejects.toMatchObject({ code: 'conflict' });
    }
  });

  it('adds one for a password only while that is the password', async () => {
    const { accounts, sessions } = nodes().store;
    const account = newAccount();
    await accounts.put(account);
    const session = newSession({ kind: 'admin', accountId: account.id });
    expect(await sessions.add(session, '$old')).toBe(false);
    expect(await sessions.get(session.id)).toBeUndefined();
    expect(await sessions.add(session, account.passwordHash)).toBe(true);
    const stranger = newSession({ kind: 'admin', accountId: newId() });
    expect(await sessions.add(stranger, account.passwordHash)).toBe(false);
  });

  it('keeps no session of an old password, when it is changed at that moment', async () => {
    const { store, other } = nodes();
    const account = newAccount();
    await store.accounts.put(account);
    const begun = Array.from({ length: 8 }, () =>
      newSession({ kind: 'admin', accountId: account.id }),
    );
    const adding = begun.map((session) => store.sessions.add(session, account.passwordHash));
    const changing = other.accounts.put({ ...account, passwordHash: '$new' });
    await Promise.all([...adding, changing]);
    for (const { id } of begun) {
      expect(await store.sessions.get(id)).toBeUndefined();
    }
  });

  it('lists the newest first, without expired ones and links', async () => {
    const { sessions } = nodes().store;
    const at = 4e12;
    const old = newSession({ createdAt: at });
    const recent = newSession({ createdAt: at + 1, kind: 'admin' });
    const hidden = [
      newSession({ createdAt: at + 2, expiresAt: 100 }),
      newSession({ createdAt: at + 2, kind: 'setup' }),
    ];
    for (const session of [old, recent, ...hidden]) {
      await sessions.add(session);
    }
    expect(await sessions.list({ now: 100, limit: 2 })).toEqual([recent, old]);
    expect(await sessions.list({ now: 100, limit: 1 })).toEqual([recent]);
  });

  it('removes once, whoever asks at once', async () => {
    const { store, other } = nodes();
    const session = newSession();
    await store.sessions.add(session);
    const removed = await atOnce(4, [store, other], (node) => node.sessions.remove(session.id));
    expect(removed.filter(Boolean)).toHaveLength(1);
    expect(await store.sessions.findByHash(session.hash)).toBeUndefined();
  });

  it('removes all of a kind', async () => {
    const { sessions } = nodes().store;
    await sessions.removeKind('user');
    const kept = newSession({ kind: 'admin' });
    await sessions.add(kept);
    await sessions.add(newSession());
    await sessions.add(newSession());
    expect(await sessions.removeKind('user')).toBe(2);
    expect(await sessions.removeKind('user')).toBe(0);
    expect(await sessions.get(kept.id)).toEqual(kept);
  });

  it('notes the last use', async () => {
    const { sessions } = nodes().store;
    const session = newSession({ lastSeenAt: 10 });
    await sessions.add(session);
    await sessions.touch(session.id, 50);
    await sessions.touch(session.id, 40);
    expect(await sessions.get(session.id)).toEqual({ ...session, lastSeenAt: 50 });
    await sessions.touch(newId(), 50);
  });

  it('removes expired ones', async () => {
    const { sessions } = nodes().store;
    await sessions.removeExpired(100);
    const [gone, kept] = [newSession({ expiresAt: 99 }), newSession({ expiresAt: 100 })];
    await sessions.add(gone);
    await sessions.add(kept);
    expect(await sessions.removeExpired(100)).toBe(1);
    expect(await sessions.get(gone.id)).toBeUndefined();
    expect(await sessions.get(kept.id)).toEqual(kept);
  });
}
