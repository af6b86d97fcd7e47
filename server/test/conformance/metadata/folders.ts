import { expect, it } from 'vitest';
import { randomFile } from '../../../src/core/library/random-file.ts';
import type { Nodes } from '../metadata.ts';
import { type FileChanges, newFile, newId, newJob } from './fixtures.ts';

export function folderTests(nodes: () => Nodes): void {
  const add = async (folder: string, file: FileChanges['file'] = {}): Promise<string> => {
    const name = newId();
    const path = folder === '' ? name : `${folder}/${name}`;
    const input = newFile({ path, file });
    await nodes().store.files.add(input);
    return input.file.id;
  };

  it('names folders with files, in order, on every node at once', async () => {
    const { store, other } = nodes();
    const root = newId();
    const folders = ['', '/b', '/a/deep/er', '/a'].map((end) => `${root}${end}`);
    const [first = ''] = await Promise.all(folders.map((folder) => add(folder)));
    const named = async () => (await other.folders.paths()).filter((path) => path.startsWith(root));
    expect(await named()).toEqual([...folders].sort());
    await store.files.remove(first, () => newJob());
    expect(await named()).toEqual(folders.slice(1).sort());
  });

  it('weighs folders by their files, in a folder and below alone', async () => {
    const { folders } = nodes().store;
    const root = newId();
    for (const [folder, count] of [
      [root, 1],
      [`${root}-other`, 5],
      [`${root}/a`, 2],
      [`${root}/a/b`, 1],
    ] as const) {
      for (let at = 0; at < count; at++) {
        await add(folder);
      }
    }
    const drawn = [0, 0.24, 0.25, 0.5, 0.74, 0.75, 0.999].map((at) => folders.weighted(root, at));
    expect(
      (await Promise.all(drawn)).map((folder) => [folder?.path.slice(root.length), folder?.files]),
    ).toEqual([
      ['', 1],
      ['', 1],
      ['/a', 2],
      ['/a', 2],
      ['/a', 2],
      ['/a/b', 1],
      ['/a/b', 1],
    ]);
    expect(await folders.weighted(`${root}/none`, 0)).toBeUndefined();
  });

  it('finds the file at a place of its folder, newest first', async () => {
    const { folders } = nodes().store;
    const root = newId();
    const ids = [await add(root, { createdAt: 1 }), await add(root, { createdAt: 2 })];
    await add(`${root}/below`, { createdAt: 3 });
    expect((await folders.fileAt(root, 0))?.id).toBe(ids[1]);
    expect((await folders.fileAt(root, 1))?.id).toBe(ids[0]);
    expect(await folders.fileAt(root, 2)).toBeUndefined();
  });

  it('draws every file that matches with the same chance', async () => {
    const { store } = nodes();
    const root = newId();
    const wanted = [
      await add(root),
      await add(`${root}/a`),
      await add(`${root}/a`),
      await add(`${root}/b/c`),
    ];
    await add(root, { listType: 'Block' });
    await add(root, { contentType: 'video/mp4' });
    await add(`${root}/a`, { width: 10, height: 20 });
    const query = { folder: root, types: ['image'], orientation: 'landscape' } as const;
    const counts = new Map(wanted.map((id) => [id, 0]));
    const draws = 400;
    for (let at = 0; at < draws; at++) {
      const id = (await randomFile(query, store))?.id ?? '';
      expect(wanted).toContain(id);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    // Five standard deviations.
    for (const count of counts.values()) {
      expect(Math.abs(count - draws / 4)).toBeLessThan(44);
    }
    expect(await randomFile({ ...query, types: ['audio'] }, store)).toBeUndefined();
    expect(await randomFile({ ...query, orientation: 'square' }, store)).toBeUndefined();
    expect(await randomFile({ ...query, folder: newId() }, store)).toBeUndefined();
  });

  it('draws the one that matches among many', async () => {
    const { store } = nodes();
    const root = newId();
    await Promise.all(Array.from({ length: 300 }, () => add(root)));
    const only = await add(root, { contentType: 'image/webp', createdAt: 1 });
    const query = { folder: root, types: ['webp'] };
    expect((await randomFile(query, store))?.id).toBe(only);
  });
}
