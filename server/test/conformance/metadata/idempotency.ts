import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId } from './fixtures.ts';

export function idempotencyTests(nodes: () => Nodes): void {
  const entry = (changes: { owner?: string; requestHash?: string; now?: number } = {}) => ({
    owner: newId(),
    key: 'key-1',
    requestHash: 'hash-1',
    now: 1_000_000,
    claimMs: 60_000,
    expiresAt: 9_000_000,
    ...changes,
  });

  it('is claimed, in flight, done', async () => {
    const { store, other } = nodes();
    const first = entry();
    expect(await store.idempotency.begin(first)).toEqual({ state: 'claimed' });
    expect(await other.idempotency.begin({ ...first, requestHash: 'other' })).toEqual({
      state: 'in_flight',
      requestHash: 'hash-1',
    });
    await store.idempotency.finish(
      first.owner,
      first.key,
      { status: 201, body: null },
      first.expiresAt,
    );
    const done = { state: 'done', requestHash: 'hash-1', response: { status: 201, body: null } };
    expect(
      await other.idempotency.begin({ ...first, requestHash: 'other', now: 8_000_000 }),
    ).toEqual(done);
    expect(await store.idempotency.begin(entry())).toEqual({ state: 'claimed' });
    expect(await store.idempotency.begin({ ...first, key: 'KEY-1' })).toEqual({ state: 'claimed' });
  });

  it('takes null for an answer', async () => {
    const { idempotency } = nodes().store;
    const first = entry();
    await idempotency.begin(first);
    await idempotency.finish(first.owner, first.key, null, first.expiresAt);
    expect(await idempotency.begin(first)).toEqual({
      state: 'done',
      requestHash: 'hash-1',
      response: null,
    });
  });

  it('gives an old claim without an answer to the next', async () => {
    const { idempotency } = nodes().store;
    const first = entry();
    await idempotency.begin(first);
    expect(await idempotency.begin({ ...first, now: 1_060_000 })).toMatchObject({
      state: 'in_flight',
    });
    expect(await idempotency.begin({ ...first, now: 1_060_001, requestHash: 'new' })).toEqual({
      state: 'claimed',
    });
    expect(await idempotency.begin({ ...first, now: 1_120_001 })).toEqual({
      state: 'in_flight',
      requestHash: 'new',
    });
  });

  it('lets go of a claim, but not of an answer', async () => {
    const { idempotency } = nodes().store;
    const first = entry();
    await idempotency.begin(first);
    await idempotency.release(first.owner, first.key);
    expect(await idempotency.begin(first)).toEqual({ state: 'claimed' });
    await idempotency.finish(first.owner, first.key, 'kept', first.expiresAt);
    await idempotency.release(first.owner, first.key);
    expect(await idempotency.begin(first)).toMatchObject({ state: 'done', response: 'kept' });
    await idempotency.release(first.owner, 'never seen');
    await idempotency.finish(first.owner, 'never seen', 1, first.expiresAt);
    expect(await idempotency.begin({ ...first, key: 'never seen' })).toEqual({ state: 'claimed' });
  });

  it('forgets what has expired', async () => {
    const { idempotency } = nodes().store;
    const [old, current] = [entry(), entry()];
    await idempotency.begin({ ...old, expiresAt: 5_000_000 });
    await idempotency.finish(old.owner, old.key, 1, 5_000_000);
    await idempotency.begin({ ...current, expiresAt: 4_000_000 });
    await idempotency.finish(current.owner, current.key, 2, 5_000_001);
    expect(await idempotency.removeExpired(5_000_001)).toBeGreaterThanOrEqual(1);
    expect(await idempotency.begin(current)).toMatchObject({ state: 'done', response: 2 });
    expect(await idempotency.begin(old)).toEqual({ state: 'claimed' });
  });

  it('is as good as forgotten from its expiry on', async () => {
    const { idempotency } = nodes().store;
    const first = entry();
    await idempotency.begin({ ...first, expiresAt: 2_000_000 });
    await idempotency.finish(first.owner, first.key, 1, 2_000_000);
    expect(await idempotency.begin({ ...first, now: 2_000_001 })).toEqual({ state: 'claimed' });
    expect(await idempotency.begin({ ...first, now: 2_000_001 })).toMatchObject({
      state: 'in_flight',
    });
  });

  it('lets one of many claims win', async () => {
    const { store, other } = nodes();
    const first = entry();
    const answers = await atOnce(30, [store, other], (node, index) =>
      node.idempotency.begin({ ...first, requestHash: String(index) }),
    );
    const winners = answers.flatMap(({ state }, index) =>
      state === 'claimed' ? [String(index)] : [],
    );
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ state }) => state === 'in_flight')).toHaveLength(29);
    expect(await store.idempotency.begin(first)).toEqual({
      state: 'in_flight',
      requestHash: winners[0],
    });
  });

  it('never claims twice while claims come and go', async () => {
    const { store, other } = nodes();
    const first = entry();
    let holders = 0;
    await atOnce(20, [store, other], async (node) => {
      for (let turn = 0; turn < 5; turn++) {
        if ((await node.idempotency.begin(first)).state !== 'claimed') {
          continue;
        }
        expect(++holders).toBe(1);
        holders--;
        await node.idempotency.release(first.owner, first.key);
      }
    });
  });
}
