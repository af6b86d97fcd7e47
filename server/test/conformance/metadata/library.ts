import { expect, it } from 'vitest';
import type { FileFilter, LibraryQuery } from '../../../src/core/library-store.ts';
import type { MetadataStore } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import {
  atOnce,
  type FileChanges,
  newBlob,
  newFile,
  newId,
  newJob,
  replicaOf,
  times,
} from './fixtures.ts';

const newest = { sortBy: 'time', direction: 'desc', limit: 100, offset: 0 } as const;

export function libraryTests(nodes: () => Nodes): void {
  const add = async (path: string, changes: FileChanges = {}) =>
    (await nodes().store.files.add(newFile({ ...changes, path })))?.file.id ?? '';
  const addOn = (path: string, channelId: string) => {
    const blob = newBlob();
    return add(path, { blob, replica: replicaOf(blob, { channelId }) });
  };
  const pathsOf = async (filter: FileFilter, more: Partial<LibraryQuery> = {}) =>
    (await nodes().other.library.page({ ...newest, isRecursive: true, filter, ...more })).map(
      ({ path }) => path,
    );
  const summary = (filter: FileFilter) => nodes().other.library.summary(filter);
  const remove = (id: string) => nodes().store.files.remove(id, () => newJob());

  it('lists a folder, alone or with all below, newest first', async () => {
    const root = newId();
    for (const [at, name] of ['a/1', 'a/b/2', 'a-b/3', 'a.b/4', 'a/b/c/5', 'ab/6'].entries()) {
      await add(`${root}/${name}`, { file: { createdAt: at } });
    }
    const names = async (folder: string, isRecursive: boolean) =>
      (await pathsOf({ folder: root + folder }, { isRecursive })).map((path) =>
        path.slice(root.length + 1),
      );
    expect(await names('/a', false)).toEqual(['a/1']);
    expect(await names('/a', true)).toEqual(['a/b/c/5', 'a/b/2', 'a/1']);
    expect(await names('', false)).toEqual([]);
    expect(await names('', true)).toHaveLength(6);
    expect(await names('/none', true)).toEqual([]);
    expect(await summary({ folder: `${root}/a` })).toEqual({
      totalCount: 3,
      directFileCount: 1,
      folders: [`${root}/a/b`],
    });
    expect(await summary({ folder: root })).toEqual({
      totalCount: 6,
      directFileCount: 0,
      folders: ['a', 'a-b', 'a.b', 'ab'].map((name) => `${root}/${name}`),
    });
    expect((await summary({ folder: '' })).folders).toContain(root);
  });

  it('counts the same with and without a filter that all files pass', async () => {
    const root = newId();
    for (const name of ['x', 'é/y', 'é/𝒳/z', '深/w']) {
      await add(`${root}/${name}`);
    }
    for (const folder of [root, `${root}/é`, `${root}/é/𝒳`]) {
      const counted = await summary({ folder });
      expect(await summary({ folder, categories: ['image'] })).toEqual(counted);
      expect(counted.totalCount).toBeGreaterThan(0);
    }
  });

  it('pages by offset and by position, in any order', async () => {
    const root = newId();
    for (const at of times(30, (each) => each)) {
      await add(`${root}/${String(at).padStart(2, '0')}`, { file: { createdAt: at >> 2 } });
    }
    for (const direction of ['asc', 'desc'] as const) {
      const list = (more: Partial<LibraryQuery>) =>
        nodes().store.library.page({
          ...{ ...newest, isRecursive: true, filter: { folder: root }, direction },
          ...more,
        });
      const all = await list({});
      expect(all).toHaveLength(30);
      expect(await list({ offset: 7, limit: 5 })).toEqual(all.slice(7, 12));
      expect(await list({ after: all[6], limit: 5 })).toEqual(all.slice(7, 12));
      expect(await list({ after: all[29] })).toEqual([]);
    }
    const byName = await pathsOf({ folder: root }, { sortBy: 'name', direction: 'asc' });
    expect(byName).toEqual(byName.toSorted());
  });

  it('filters by tags, channel, list, label, kind and text', async () => {
    const root = newId();
    const channel = newId();
    await add(`${root}/a.png`, { file: { tags: ['red', 'big'], filename: 'Ärger 100%_x.png' } });
    await add(`${root}/s/b.png`, { file: { tags: ['red'], listType: 'Block' } });
    await add(`${root}/s/c.mp4`, { file: { contentType: 'video/mp4', label: 'adult' } });
    await add(`${root}/s/d.txt`, {
      file: { contentType: 'text/plain', label: 'adult', listType: 'White' },
    });
    await addOn(`${root}/e.png`, channel);
    const found = async (filter: Omit<FileFilter, 'folder'>) => {
      const paths = await pathsOf({ folder: root, ...filter });
      expect((await summary({ folder: root, ...filter })).totalCount).toBe(paths.length);
      return paths.map((path) => path.slice(-5, -4)).toSorted();
    };
    expect(await found({ includeTags: ['RED'] })).toEqual(['a', 'b']);
    expect(await found({ includeTags: ['red', 'big'] })).toEqual(['a']);
    expect(await found({ excludeTags: ['Big'] })).toEqual(['b', 'c', 'd', 'e']);
    expect(await found({ includeTags: ['red'], excludeTags: ['big'] })).toEqual(['b']);
    expect(await found({ channelIds: [channel, 'x'] })).toEqual(['e']);
    expect(await found({ listTypes: ['Block', 'White'] })).toEqual(['b', 'd']);
    expect(await found({ isBlocked: true })).toEqual(['b', 'c']);
    expect(await found({ isBlocked: false })).toEqual(['a', 'd', 'e']);
    expect(await found({ labels: ['adult'] })).toEqual(['c', 'd']);
    expect(await found({ categories: ['video', 'document'] })).toEqual(['c', 'd']);
    expect(await found({ text: 'ärger' })).toEqual(['a']);
    expect(await found({ text: '%_' })).toEqual(['a']);
    expect(await found({ text: 'S/' })).toEqual(['b', 'c', 'd']);
    expect(await found({ text: '"' })).toEqual([]);
    expect(await found({ text: 'd.txt', isBlocked: false })).toEqual(['d']);
    expect((await summary({ folder: root, includeTags: ['red'] })).folders).toEqual([`${root}/s`]);
  });

  it('changes tags, list, name and type of a file, and what finds it', async () => {
    const { library, files } = nodes().store;
    const root = newId();
    const id = await add(`${root}/a.png`, { file: { tags: ['old'] } });
    const changed = await library.update(id, {
      tags: (tags) => [...tags, 'new'].filter((tag) => tag !== 'old'),
      listType: 'Block',
      filename: 'Neu.mp4',
      contentType: 'video/mp4',
      at: 77,
    });
    expect(changed).toMatchObject({ tags: ['new'], listType: 'Block', updatedAt: 77 });
    expect((await files.get(id))?.file).toEqual(changed);
    expect(await pathsOf({ folder: root, includeTags: ['old'] })).toEqual([]);
    expect(await pathsOf({ folder: root, includeTags: ['new'] })).toEqual([`${root}/a.png`]);
    expect(await pathsOf({ folder: root, text: 'neu.mp' })).toEqual([`${root}/a.png`]);
    expect(await pathsOf({ folder: root, text: 'bild' })).toEqual([]);
    expect(await pathsOf({ folder: root, categories: ['video'] })).toHaveLength(1);
    expect(await library.update(newId(), { listType: 'White', at: 1 })).toBeUndefined();
  });

  it('moves a file, keeps its former paths for it, and lets it come back', async () => {
    const { library, files } = nodes().store;
    const root = newId();
    const [from, to] = [`${root}/a/x.png`, `${root}/b/y.png`];
    const id = await add(from, { file: { givenOnce: true } });
    const moved = await library.move(id, { path: to, filename: 'Y.png', at: 5 });
    expect(moved).toMatchObject({ path: to, folder: `${root}/b`, filename: 'Y.png' });
    expect(moved?.givenOnce).toBe(false);
    expect((await files.getByPath(to))?.file).toEqual(moved);
    expect(await files.getByPath(from)).toBeUndefined();
    expect(await library.movedTo(from)).toBe(to);
    expect((await summary({ folder: root })).folders).toEqual([`${root}/b`]);
    expect(await pathsOf({ folder: root, text: 'x.png' })).toEqual([]);
    await expect(files.add(newFile({ path: from }))).rejects.toMatchObject({ code: 'conflict' });

    const other = await add(`${root}/other`);
    for (const path of [from, to]) {
      await expect(library.move(other, { path, at: 6 })).rejects.toMatchObject({
        code: 'conflict',
      });
    }
    expect((await files.get(other))?.file.path).toBe(`${root}/other`);
    expect(await library.move(id, { path: to, at: 6 })).toEqual(moved);
    expect(await library.move(id, { path: from, at: 7 })).toMatchObject({ path: from });
    expect(await library.movedTo(from)).toBeUndefined();
    expect(await library.movedTo(to)).toBe(from);
    expect(await library.move(newId(), { path: `${root}/z`, at: 7 })).toBeUndefined();
    expect(await summary({ folder: root })).toMatchObject({ totalCount: 2, directFileCount: 1 });
  });

  it('frees the chosen paths of a moved file with it, not those given once', async () => {
    const { library, files } = nodes().store;
    const root = newId();
    const id = await add(`${root}/once`, { file: { givenOnce: true } });
    await library.move(id, { path: `${root}/chosen`, at: 1 });
    await library.move(id, { path: `${root}/last`, at: 2 });
    await remove(id);
    expect(await library.movedTo(`${root}/once`)).toBeUndefined();
    await expect(files.add(newFile({ path: `${root}/once` }))).rejects.toMatchObject({
      code: 'conflict',
    });
    await add(`${root}/chosen`);
    await add(`${root}/last`);
  });

  it('gives a name to one of many that want it', async () => {
    const { store, other } = nodes();
    const root = newId();
    const ids = await Promise.all(times(8, (at) => add(`${root}/${at}`)));
    const moves = await Promise.allSettled(
      ids.map((id, at) =>
        (at % 2 ? store : other).library.move(id, { path: `${root}/same`, at: 1 }),
      ),
    );
    expect(moves.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await summary({ folder: root })).totalCount).toBe(8);
  });

  it('keeps the counts of folders right while files come, go and move at once', async () => {
    const { store, other } = nodes();
    const root = newId();
    const ids = await Promise.all(times(24, (at) => add(`${root}/${at % 3}/${at}`)));
    await atOnce(24, [store, other], async (node: MetadataStore, at) => {
      const id = ids[at] ?? '';
      if (at % 2 === 0) {
        await node.files.remove(id, () => newJob());
      } else {
        await node.library.move(id, { path: `${root}/${(at + 1) % 3}/m${at}`, at: 1 });
      }
    });
    const counted = await summary({ folder: root });
    expect(counted).toEqual(await summary({ folder: root, labels: ['None'] }));
    expect(counted.totalCount).toBe(12);
    for (const id of ids) {
      await remove(id);
    }
    expect(await summary({ folder: root })).toMatchObject({ totalCount: 0, folders: [] });
    expect((await summary({ folder: '' })).folders).not.toContain(root);
  });

  it('knows the tags that begin with a text', async () => {
    const start = newId();
    for (const tags of [['b', 'a'], ['a', 'c'], ['ä']]) {
      await add(newId(), { file: { tags: tags.map((tag) => start + tag) } });
    }
    const tags = (prefix: string, limit: number) => nodes().store.library.tags({ prefix, limit });
    expect(await tags(start, 9)).toEqual(['a', 'b', 'c', 'ä'].map((tag) => start + tag));
    expect(await tags(start.toUpperCase(), 2)).toEqual([`${start}a`, `${start}b`]);
    expect(await tags(`${start}c`, 9)).toEqual([`${start}c`]);
    expect(await tags(`${start}d`, 9)).toEqual([]);
    expect((await tags('', 1)).length).toBe(1);
  });

  it('counts files by channel, list, folder and day', async () => {
    const channel = newId();
    const hour = 3_600_000;
    const ids = await Promise.all(
      [hour, hour + 1, 26 * hour, 26 * hour + 5].map((createdAt, at) => {
        const blob = newBlob();
        const replica = replicaOf(blob, { channelId: channel });
        return add(`${channel}/${at}`, { blob, replica, file: { createdAt, listType: 'White' } });
      }),
    );
    const statistics = async () => {
      const found = await nodes().other.library.statistics({
        from: 0,
        to: 30 * hour,
        shiftMinutes: -60,
        maxFolders: 100_000,
      });
      return {
        onChannel: found.ofChannel.get(channel),
        inFolder: found.ofFolder.get(channel),
        days: found.days.filter(({ channelId }) => channelId === channel),
        white: found.ofListType.White >= 4,
      };
    };
    expect(await statistics()).toEqual({
      onChannel: 4,
      inFolder: 4,
      days: [
        { day: 0, channelId: channel, files: 2 },
        { day: 1, channelId: channel, files: 2 },
      ],
      white: true,
    });
    await remove(ids[0] ?? '');
    expect(await statistics()).toMatchObject({ onChannel: 3, inFolder: 3 });
  });
}
