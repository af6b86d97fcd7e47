import { expect, it } from 'vitest';
import type { MetadataStore, Upload, UploadPatch } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { atOnce, newId, newJob, newUpload, pendingPart, storedPart, times } from './fixtures.ts';

export function uploadTests(nodes: () => Nodes): void {
  const add = async (changes: Partial<Upload> = {}): Promise<Upload> => {
    const upload = newUpload(changes);
    await nodes().store.uploads.add(upload);
    return upload;
  };

  it('answers what was added, once', async () => {
    const { uploads } = nodes().store;
    const upload = await add({
      details: { nested: [{ a: null }] },
      storageId: newId(),
      result: [1],
    });
    expect(await nodes().other.uploads.get(upload.id)).toEqual(upload);
    await expect(uploads.add(upload)).rejects.toMatchObject({ code: 'conflict' });
    expect(await uploads.get(newId())).toBeUndefined();
  });

  it('changes what the patch names and keeps the rest', async () => {
    const { uploads } = nodes().store;
    const patches: UploadPatch[] = [
      { state: 'failed' },
      { channelId: 'channel-b' },
      { details: { step: 2 } },
      { details: null },
      { storageId: newId() },
      { storageId: null },
      { result: { ok: true } },
      { expiresAt: 5 },
      { expectedBytes: 2 ** 40 },
      { state: 'aborted', result: null, expiresAt: 2 ** 53 - 1 },
      {},
    ];
    let expected = await add();
    for (const patch of patches) {
      const updated = await uploads.update(expected.id, expected.version, patch);
      expected = { ...expected, ...patch, version: expected.version + 1 };
      expect(updated).toEqual(expected);
      expect(await uploads.get(expected.id)).toEqual(expected);
    }
  });

  it('lists by category', async () => {
    const { uploads } = nodes().store;
    const owner = newId();
    const [image] = [
      await add({ owner, category: 'image' }),
      await add({ owner, category: 'video' }),
      await add({ owner }),
    ];
    const query = { kinds: [image.kind], states: ['open'], owner, limit: 10, offset: 0 } as const;
    expect(await uploads.list({ ...query, category: 'image' })).toEqual({
      items: [image],
      total: 1,
    });
    expect(await uploads.list({ ...query, category: 'document' })).toEqual({ items: [], total: 0 });
    expect((await uploads.list(query)).total).toBe(3);
  });

  it('sums what open uploads of a channel have brought or will bring', async () => {
    const { uploads } = nodes().store;
    const channelId = newId();
    expect(await uploads.reservedBytes(channelId, 0)).toBe(0);
    await add({ channelId, expectedBytes: 5 * 2 ** 40, expiresAt: 100 });
    const stale = await add({ channelId, expectedBytes: 10, expiresAt: 50 });
    await add({ channelId, expectedBytes: 100, state: 'failed' });
    await add({ channelId: newId(), expectedBytes: 1000 });
    expect(await uploads.reservedBytes(channelId, 49)).toBe(5 * 2 ** 40 + 10);
    expect(await uploads.reservedBytes(channelId, 50)).toBe(5 * 2 ** 40);
    await uploads.update(stale.id, 1, { storageId: newId() });
    expect(await uploads.reservedBytes(channelId, 50)).toBe(5 * 2 ** 40 + 10);
    const chunked = await add({ channelId, kind: 'chunked', expiresAt: 50 });
    await uploads.putPart(storedPart(chunked, 0, { size: 7 }), 50);
    expect(await uploads.reservedBytes(channelId, 50)).toBe(5 * 2 ** 40 + 17);
  });

  it('takes an undefined value for an absent one', async () => {
    const upload = await add();
    const patch = { state: undefined, result: 3 } as unknown as UploadPatch;
    expect(await nodes().store.uploads.update(upload.id, 1, patch)).toEqual({
      ...upload,
      version: 2,
      result: 3,
    });
  });

  it('writes nothing at another version', async () => {
    const { uploads, jobs } = nodes().store;
    const [upload, kept] = [await add({ version: 4 }), newJob()];
    await jobs.add([kept]);
    const before = await jobs.list({ limit: 1000 });
    for (const [id, version] of [
      [upload.id, 3],
      [upload.id, 5],
      [newId(), 4],
    ] as const) {
      expect(
        await uploads.update(
          id,
          version,
          { state: 'done' },
          { adds: [newJob()], clears: [kept.id] },
        ),
      ).toBeUndefined();
      expect(await uploads.remove(id, version, [newJob()])).toBe(false);
    }
    expect(await uploads.get(upload.id)).toEqual(upload);
    expect(await jobs.list({ limit: 1000 })).toEqual(before);
  });

  it('brings and clears jobs with a change', async () => {
    const { uploads, jobs } = nodes().store;
    const [upload, old, added] = [
      await add(),
      newJob({ kind: 'old' }),
      times(3, () => newJob({ kind: 'added' })),
    ];
    await jobs.add([old]);
    await uploads.update(upload.id, 1, {}, { adds: added, clears: [old.id] });
    const there = (await jobs.list({ limit: 1000 })).filter(({ kind }) =>
      ['old', 'added'].includes(kind),
    );
    expect(there.map(({ id }) => id)).toEqual(added.map(({ id }) => id));
  });

  it('lets one of many changes at a version win', async () => {
    const { store, other } = nodes();
    const upload = await add();
    const updated = await atOnce(50, [store, other], (node, index) =>
      node.uploads.update(upload.id, 1, { result: index }),
    );
    const winners = updated.flatMap((row) => (row ? [row] : []));
    expect(winners).toHaveLength(1);
    expect(await store.uploads.get(upload.id)).toEqual(winners[0]);
  });

  it('loses no change of those who read again', async () => {
    const { store, other } = nodes();
    const upload = await add({ details: 0 });
    await atOnce(20, [store, other], async (node) => {
      for (;;) {
        const row = await node.uploads.get(upload.id);
        if (
          row &&
          (await node.uploads.update(row.id, row.version, { details: Number(row.details) + 1 }))
        ) {
          return;
        }
      }
    });
    expect(await store.uploads.get(upload.id)).toMatchObject({ version: 21, details: 20 });
  });

  it('removes an upload with its parts', async () => {
    const { uploads, jobs, files } = nodes().store;
    const [upload, job] = [await add(), newJob()];
    const part = storedPart(upload, 0);
    await uploads.putPart(part, 0);
    expect(await uploads.remove(upload.id, 1, [job])).toBe(true);
    expect(await uploads.get(upload.id)).toBeUndefined();
    expect(await uploads.parts(upload.id)).toEqual([]);
    expect(await files.knowsStorageId(part.storageId)).toBe(false);
    expect((await jobs.list({ limit: 1000 })).map(({ id }) => id)).toContain(job.id);
    expect(await uploads.putPart(pendingPart(upload, 0), 0)).toEqual({ outcome: 'refused' });
    expect(await uploads.remove(upload.id, 1, [])).toBe(false);
  });

  it('lists newest first, by kind, state and owner, in pages', async () => {
    const { uploads } = nodes().store;
    const owner = newId();
    const rows: Upload[] = [];
    for (const [index, kind] of (
      ['import', 'presigned', 'import', 'direct', 'import'] as const
    ).entries()) {
      rows.unshift(
        await add({
          owner,
          kind,
          state: index === 4 ? 'failed' : 'open',
          createdAt: 10 + Math.min(index, 3),
        }),
      );
    }
    const all = {
      kinds: ['import', 'presigned', 'direct'],
      states: ['open', 'failed'],
      owner,
      limit: 10,
      offset: 0,
    } as const;
    expect(await uploads.list(all)).toEqual({ items: rows, total: 5 });
    expect(await uploads.list({ ...all, limit: 2, offset: 1 })).toEqual({
      items: rows.slice(1, 3),
      total: 5,
    });
    expect(await uploads.list({ ...all, kinds: ['import'], states: ['open'] })).toEqual({
      items: [rows[2], rows[4]],
      total: 2,
    });
    expect(await uploads.list({ ...all, owner: newId() })).toEqual({ items: [], total: 0 });
    expect(await uploads.list({ ...all, kinds: [] })).toEqual({ items: [], total: 0 });
    const { owner: _, ...anyOwner } = all;
    expect((await uploads.list({ ...anyOwner, kinds: ['direct'] })).items).toContainEqual(rows[1]);
  });

  it('finds expired uploads of any state, oldest first', async () => {
    const { uploads } = nodes().store;
    const states = ['open', 'failed', 'done', 'aborted', 'open'] as const;
    const rows = await Promise.all(
      states.map((state, index) => add({ state, expiresAt: -100 + index })),
    );
    expect(await uploads.expired(-96, 10)).toEqual(rows.slice(0, 4));
    expect(await uploads.expired(-95, 2)).toEqual(rows.slice(0, 2));
    expect(await uploads.expired(-100, 10)).toEqual([]);
  });

  it('counts open uploads of an owner, of every kind', async () => {
    const owner = newId();
    await Promise.all([
      add({ owner }),
      add({ owner }),
      add({ owner, kind: 'direct' }),
      add({ owner, state: 'failed' }),
      add({ owner, state: 'done' }),
      add(),
    ]);
    expect(await nodes().store.uploads.countOpen(owner)).toBe(3);
    expect(await nodes().store.uploads.countOpen(newId())).toBe(0);
  });

  it('lets an owner have so many open ones of all kinds, exactly, on all nodes together', async () => {
    const { store, other } = nodes();
    const owner = newId();
    await Promise.all([
      add({ owner, state: 'done' }),
      add({ owner, state: 'failed' }),
      add(),
      add({ owner }),
    ]);
    const kinds = ['presigned', 'chunked', 'direct', 'import'] as const;
    const begin = (node: MetadataStore, index: number) =>
      node.uploads.add(newUpload({ owner, kind: kinds[index % 4] ?? 'import' }), { max: 10 });
    const begun = await atOnce(40, [store, other], begin);
    expect(begun.filter(Boolean)).toHaveLength(9);
    expect(await store.uploads.countOpen(owner)).toBe(10);
    const [one] = (
      await store.uploads.list({ kinds, states: ['open'], owner, limit: 1, offset: 0 })
    ).items;
    await store.uploads.update(one?.id ?? '', one?.version ?? 0, { state: 'done' });
    expect([await begin(store, 0), await begin(other, 1)]).toEqual([true, false]);
    expect(await store.uploads.add(newUpload({ owner }))).toBe(true);
  });

  it('lets each network have a share of them', async () => {
    const { store, other } = nodes();
    const owner = newId();
    const begin = (name: string) => (node: MetadataStore) =>
      node.uploads.add(newUpload({ owner }), { max: 5, network: { name, max: 3 } });
    const begun = async (name: string) =>
      (await atOnce(10, [store, other], begin(name))).filter(Boolean).length;
    expect([await begun('a'), await begun('b'), await begun('c')]).toEqual([3, 2, 0]);
    // The network of another owner is another's business.
    expect(await store.uploads.add(newUpload(), { max: 1, network: { name: 'a', max: 1 } })).toBe(
      true,
    );
  });
}
