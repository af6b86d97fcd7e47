import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newBlob, newFile, newId, replicaOf, times } from './fixtures.ts';

const series = (name: string) => (attempt: number) =>
  attempt === 0 ? `${name}.png` : `${name}(${attempt}).png`;

const noCleanup = (channelId: string) => ({
  id: newId(),
  kind: channelId,
  payload: null,
  runAt: 0,
});

export function pathTests(nodes: () => Nodes): void {
  it('claims the first path that is free', async () => {
    const { files } = nodes().store;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(60), { maxLength: 60 }), async (taken) => {
        const path = series(newId());
        await Promise.all(taken.map((attempt) => files.add(newFile({ path: path(attempt) }))));
        const free =
          times(62, (attempt) => attempt).find((attempt) => !taken.includes(attempt)) ?? 0;
        expect((await files.add(newFile({ path })))?.file.path).toBe(path(free));
      }),
      { numRuns: 20 },
    );
  });

  it('takes a path that was chosen again once its file is gone', async () => {
    const { files } = nodes().store;
    const path = series(newId());
    const [first] = [await files.add(newFile({ path })), await files.add(newFile({ path }))];
    await files.remove(first?.file.id ?? '', noCleanup);
    expect((await files.add(newFile({ path })))?.file.path).toBe(path(0));
  });

  it('never gives a path again that was given once', async () => {
    const { store, other } = nodes();
    const path = series(newId());
    const [first] = [
      await store.files.add(newFile({ path, file: { givenOnce: true } })),
      await store.files.add(newFile({ path })),
    ];
    expect(first?.file.givenOnce).toBe(true);
    const gone = { id: first?.file.id ?? '', spent: path(0) };
    await store.files.remove(gone.id, noCleanup);
    for (const givenOnce of [true, false]) {
      const added = await other.files.add(newFile({ path, file: { givenOnce } }));
      expect(added?.file.path).not.toBe(gone.spent);
      expect(await store.files.getByPath(gone.spent)).toBeUndefined();
    }
    await expect(store.files.add(newFile({ path: gone.spent }))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('never gives it to an add that waits for the removal either', async () => {
    const { store, other } = nodes();
    for (const _ of times(20, () => 0)) {
      const path = `${newId()}.png`;
      const old = await store.files.add(newFile({ path, file: { givenOnce: true } }));
      const adds = times(8, (index) =>
        (index % 2 ? store : other).files.add(newFile({ path })).then(
          () => 'added',
          (error: { code?: string }) => error.code,
        ),
      );
      const removal = store.files.remove(old?.file.id ?? '', noCleanup);
      expect(new Set(await Promise.all(adds))).toEqual(new Set(['conflict']));
      expect(await removal).toBe(true);
      expect(await other.files.getByPath(path)).toBeUndefined();
    }
  });

  it('gives up with a conflict and writes nothing', async () => {
    const { files } = nodes().store;
    const name = newId();
    const path = (attempt: number) => (attempt < 20 ? series(name)(attempt) : undefined);
    for (const _ of times(20, () => 0)) {
      await files.add(newFile({ path }));
    }
    const [channelId, blob] = [newId(), newBlob()];
    const input = newFile({ path, blob, replica: replicaOf(blob, { channelId }) });
    await expect(files.add(input)).rejects.toMatchObject({ code: 'conflict' });
    expect(await files.get(input.file.id)).toBeUndefined();
    expect(await files.knowsStorageId(blob.id)).toBe(false);
    expect(await files.usage(channelId)).toEqual({ bytes: 0, blobs: 0 });
  });

  it('gives up at once when there is no path at all', async () => {
    await expect(nodes().store.files.add(newFile({ path: () => undefined }))).rejects.toMatchObject(
      { code: 'conflict' },
    );
  });

  it('passes on what path() throws and writes nothing', async () => {
    const { files } = nodes().store;
    const taken = newId();
    await files.add(newFile({ path: taken }));
    const error = new RangeError('no such folder');
    const input = newFile({
      path: (attempt) => {
        if (attempt === 0) {
          return taken;
        }
        throw error;
      },
    });
    await expect(files.add(input)).rejects.toBe(error);
    expect(await files.knowsStorageId(input.blob.id)).toBe(false);
  });

  it('gives 200 parallel adds of one name the first 200 paths', async () => {
    const { store, other } = nodes();
    const path = series(newId());
    const added = await atOnce(200, [store, other], (node) => node.files.add(newFile({ path })));
    expect(new Set(added.map((stored) => stored?.file.path))).toEqual(new Set(times(200, path)));
  });

  it('gives parallel adds from different series distinct paths', async () => {
    const { store, other } = nodes();
    const [a, b] = [newId(), newId()];
    const forwards = (attempt: number) => [a, b, `${a}/x`, `${b}/x`][attempt];
    const backwards = (attempt: number) => [b, a, `${b}/x`, `${a}/x`][attempt];
    const added = await atOnce(4, [store, other], (node, index) =>
      node.files.add(newFile({ path: index % 2 ? forwards : backwards })),
    );
    expect(new Set(added.map((stored) => stored?.file.path)).size).toBe(4);
  });

  it('compares paths byte by byte', async () => {
    const { files } = nodes().store;
    const name = newId();
    const paths = [
      'a',
      'A',
      'ä',
      'a\u0308',
      'ß',
      'ss',
      'İ',
      'i',
      'a ',
      '%',
      '_',
      "'",
      '\\',
      '𝒳',
      '\u{10FFFF}',
    ].map((end) => `${name}/${end}`);
    const added = await Promise.all(paths.map((path) => files.add(newFile({ path }))));
    expect(added.map((stored) => stored?.file.path)).toEqual(paths);
    for (const [index, path] of paths.entries()) {
      expect((await files.getByPath(path))?.file.id).toBe(added[index]?.file.id);
    }
    expect(await files.getByPath(`${name}/Ä`)).toBeUndefined();
  });
}
