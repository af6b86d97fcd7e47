import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { atOnce, newBlob, newFile, newId, replicaOf, times } from './fixtures.ts';

const series = (name: string) => (attempt: number) => (attempt === 0 ? `${name}.png` : `${name}(${attempt}).png`);

export function pathTests(nodes: () => Nodes): void {
  it('claims the first path that is free', async () => {
    const { files } = nodes().store;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(60), { maxLength: 60 }), async (taken) => {
        const path = series(newId());
        await Promise.all(taken.map((attempt) => files.add(newFile({ path: path(attempt) }))));
        const free = times(62, (attempt) => attempt).find((attempt) => !taken.includes(attempt)) ?? 0;
        expect((await files.add(newFile({ path })))?.file.path).toBe(path(free));
      }),
      { numRuns: 20 },
    );
  });

  it('takes a path again once its file is gone', async () => {
    const { files } = nodes().store;
    const path = series(newId());
    const [first] = [await files.add(newFile({ path })), await files.add(newFile({ path }))];
    await files.remove(first?.file.id ?? '', (channelId) => ({ id: newId(), kind: channelId, payload: null, runAt: 0 }));
    expect((await files.add(newFile({ path })))?.file.path).toBe(path(0));
  });

  it('gives up with a conflict and writes nothing', async () => {
    const { files } = nodes().store;
    const name = newId();
    const path = (attempt: number) => (attempt < 20 ? series(name)(attempt) : undefined);
    for (const _ of times(20, () => 0)) await files.add(newFile({ path }));
    const [channelId, blob] = [newId(), newBlob()];
    const input = newFile({ path, blob, replica: replicaOf(blob, { channelId }) });
    await expect(files.add(input)).rejects.toMatchObject({ code: 'conflict' });
    expect(await files.get(input.file.id)).toBeUndefined();
    expect(await files.knowsStorageId(blob.id)).toBe(false);
    expect(await files.usage(channelId)).toEqual({ bytes: 0, blobs: 0 });
  });

  it('gives up at once when there is no path at all', async () => {
    await expect(nodes().store.files.add(newFile({ path: () => undefined }))).rejects.toMatchObject({ code: 'conflict' });
  });

  it('passes on what path() throws and writes nothing', async () => {
    const { files } = nodes().store;
    const taken = newId();
    await files.add(newFile({ path: taken }));
    const error = new RangeError('no such folder');
    const input = newFile({
      path: (attempt) => {
        if (attempt === 0) return taken;
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
    const paths = ['a', 'A', 'ä', 'a\u0308', 'ß', 'ss', 'İ', 'i', 'a ', '%', '_', "'", '\\', '𝒳', '\u{10FFFF}'].map(
      (end) => `${name}/${end}`,
    );
    const added = await Promise.all(paths.map((path) => files.add(newFile({ path }))));
    expect(added.map((stored) => stored?.file.path)).toEqual(paths);
    for (const [index, path] of paths.entries()) expect((await files.getByPath(path))?.file.id).toBe(added[index]?.file.id);
    expect(await files.getByPath(`${name}/Ä`)).toBeUndefined();
  });
}
