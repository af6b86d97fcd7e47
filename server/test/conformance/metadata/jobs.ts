import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId, newJob, times } from './fixtures.ts';

export function jobTests(nodes: () => Nodes): void {
  it('hands out due jobs of the kinds asked for', async () => {
    const { jobs } = nodes().store;
    const [kind, other] = [newId(), newId()];
    const due = [
      newJob({ kind, runAt: 100, payload: { deep: [1, { a: null }] } }),
      newJob({ kind: other, runAt: 99 }),
    ];
    const notYet = newJob({ kind, runAt: 101 });
    const elsewhere = newJob({ kind: newId(), runAt: 1 });
    await jobs.add([...due, notYet, elsewhere]);
    const claimed = await jobs.claim({ now: 100, leaseMs: 50, limit: 10, kinds: [kind, other] });
    expect(claimed.map(({ runAt: _, lease: __, ...job }) => job)).toEqual(
      due.map(({ runAt: _, ...job }) => ({ ...job, attempts: 1, lastError: null })),
    );
    expect(await jobs.claim({ now: 100, leaseMs: 50, limit: 10, kinds: [] })).toEqual([]);
  });

  it('takes the longest due first, up to the limit', async () => {
    const { jobs } = nodes().store;
    const kind = newId();
    const rows = times(5, (index) => newJob({ kind, runAt: 50 - index }));
    await jobs.add(rows);
    const claim = async () =>
      (await jobs.claim({ now: 50, leaseMs: 1000, limit: 2, kinds: [kind] }))
        .map(({ id }) => id)
        .sort();
    expect(await claim()).toEqual([rows[3]?.id, rows[4]?.id].sort());
    expect(await claim()).toEqual([rows[1]?.id, rows[2]?.id].sort());
    expect(await claim()).toEqual([rows[0]?.id]);
    expect(await claim()).toEqual([]);
  });

  it('hands a job out again only after its lease', async () => {
    const { jobs } = nodes().store;
    const job = newJob({ kind: newId(), runAt: 10 });
    await jobs.add([job]);
    const claim = (now: number) =>
      nodes().other.jobs.claim({ now, leaseMs: 100, limit: 9, kinds: [job.kind] });
    expect(await claim(20)).toMatchObject([{ id: job.id, attempts: 1 }]);
    expect(await claim(119)).toEqual([]);
    expect(await claim(120)).toMatchObject([{ id: job.id, attempts: 2 }]);
  });

  it('never hands a job to two callers', async () => {
    const { store, other } = nodes();
    const kind = newId();
    await store.jobs.add(times(200, () => newJob({ kind })));
    const claimed = await atOnce(40, [store, other], (node) =>
      node.jobs.claim({ now: 2000, leaseMs: 60_000, limit: 10, kinds: [kind] }),
    );
    const ids = claimed.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const rest = await store.jobs.claim({ now: 2000, leaseMs: 60_000, limit: 200, kinds: [kind] });
    expect(ids.length + rest.length).toBe(200);
    for (const batch of claimed) {
      expect(batch.length).toBeLessThanOrEqual(10);
    }
  });

  it('forgets what is done', async () => {
    const { jobs } = nodes().store;
    const before = await jobs.count();
    const rows = times(150, () => newJob());
    await jobs.add(rows);
    expect(await jobs.count()).toBe(before + 150);
    await jobs.done(rows.slice(1).map(({ id }) => id));
    await jobs.done([]);
    await jobs.done([newId()]);
    expect(await jobs.count()).toBe(before + 1);
    await jobs.add([]);
    expect(await jobs.count()).toBe(before + 1);
  });

  it('gives a job back with the reason', async () => {
    const { jobs } = nodes().store;
    const job = newJob({ kind: newId() });
    await jobs.add([job]);
    const claim = (now: number) => jobs.claim({ now, leaseMs: 10, limit: 1, kinds: [job.kind] });
    await claim(1000);
    await jobs.retry(job.id, 5000, 'remote says no');
    expect(await claim(4999)).toEqual([]);
    expect(await claim(5000)).toMatchObject([
      { id: job.id, attempts: 2, lastError: 'remote says no' },
    ]);
    // Whatever a remote says is no reason to lose the job.
    await jobs.retry(job.id, 6000, 'odd \0 \ud800 text');
    expect(await claim(6000)).toMatchObject([
      { attempts: 3, lastError: expect.stringContaining('odd') },
    ]);
  });

  it('renews leases that hold, and tells those that were lost', async () => {
    const { store, other } = nodes();
    const rows = times(3, () => newJob({ kind: newId() }));
    await store.jobs.add(rows);
    const claim = (of: typeof store, now: number) =>
      of.jobs.claim({ now, leaseMs: 10, limit: 9, kinds: rows.map(({ kind }) => kind) });
    const mine = await claim(store, 1000);
    expect(await store.jobs.renew(mine, 1020)).toEqual(mine.map(({ id }) => id));
    expect(await claim(other, 1015)).toEqual([]);
    const [first] = mine;
    await other.jobs.renew(mine.slice(1), 2000);
    const [theirs] = await claim(other, 1030);
    expect(theirs).toMatchObject({ id: first?.id, attempts: 2 });
    expect((await store.jobs.renew(mine, 2000)).toSorted()).toEqual(
      mine
        .slice(1)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(await store.jobs.renew([], 2000)).toEqual([]);
  });

  it('ends and postpones a job only for who holds its lease', async () => {
    const { store, other } = nodes();
    const job = newJob({ kind: newId() });
    await store.jobs.add([job]);
    const claim = async (now: number) =>
      (await store.jobs.claim({ now, leaseMs: 10, limit: 1, kinds: [job.kind] }))[0];
    const [old, current] = [await claim(1000), await claim(1010)];
    if (!old || !current) {
      throw new Error('not claimed');
    }
    await other.jobs.finish(old);
    await other.jobs.postpone(old, 99, 'late');
    expect(await claim(1019)).toBeUndefined();
    await other.jobs.postpone(current, 1015, 'odd \0 \ud800 text');
    expect(await claim(1015)).toMatchObject({
      attempts: 3,
      lastError: expect.stringContaining('odd'),
    });
    await other.jobs.finish(current);
    const last = await claim(1030);
    expect(last).toMatchObject({ attempts: 4 });
    if (last) {
      await other.jobs.finish(last);
    }
    expect(await claim(9999)).toBeUndefined();
  });

  it('gives back all that is claimed, and leaves the rest as it is', async () => {
    const { jobs } = nodes().store;
    const [claimed, later] = [
      newJob({ kind: newId(), runAt: 5 }),
      newJob({ kind: newId(), runAt: 9000 }),
    ];
    await jobs.add([claimed, later]);
    const claim = (now: number) =>
      jobs.claim({ now, leaseMs: 5000, limit: 9, kinds: [claimed.kind, later.kind] });
    await claim(10);
    expect(await jobs.giveBack(20)).toBeGreaterThanOrEqual(1);
    expect(await claim(20)).toMatchObject([{ id: claimed.id, attempts: 2 }]);
    expect(await claim(8999)).toMatchObject([{ id: claimed.id }]);
    expect(await claim(9000)).toMatchObject([{ id: later.id, attempts: 1 }]);
  });

  it('lists what is not done, oldest first, with the number of tries', async () => {
    const { jobs } = nodes().store;
    const rows = times(3, (index) => newJob({ kind: newId(), runAt: 100 - index }));
    await jobs.add(rows);
    await jobs.claim({ now: 200, leaseMs: 1, limit: 1, kinds: [rows[1]?.kind ?? ''] });
    await jobs.claim({ now: 300, leaseMs: 1, limit: 1, kinds: [rows[1]?.kind ?? ''] });
    const ids = new Set(rows.map(({ id }) => id));
    const ours = (await jobs.list({ limit: 10_000 })).filter(({ id }) => ids.has(id));
    expect(ours.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(ours.map(({ attempts }) => attempts)).toEqual([0, 2, 0]);
    expect(await jobs.list({ limit: 1 })).toHaveLength(1);
  });
}
