import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { newFile, newId, newJob } from './fixtures.ts';

export function addressTests(nodes: () => Nodes): void {
  const addFiles = async (ip: string | null, count: number): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (let at = 0; at < count; at++) {
      const input = newFile({ file: { ip, createdAt: 1000 + at } });
      await nodes().store.files.add(input);
      ids.unshift(input.file.id);
    }
    return ids;
  };

  it('blocks an address on every node at once, until it is let in again', async () => {
    const { store, other } = nodes();
    const [one, two] = [newId(), newId()];
    expect(await store.addresses.isBlocked(one)).toBe(false);
    await store.addresses.block(two, 2);
    await store.addresses.block(one, 1);
    await store.addresses.block(one, 3);
    expect(await other.addresses.isBlocked(one)).toBe(true);
    expect(await other.addresses.blocked()).toEqual([one, two]);
    await other.addresses.unblock(one);
    await other.addresses.unblock(one);
    expect(await store.addresses.isBlocked(one)).toBe(false);
    expect(await store.addresses.blocked()).toEqual([two]);
  });

  it('counts the files of every address, the most first', async () => {
    const { addresses, files } = nodes().store;
    await addFiles('198.51.100.1', 1);
    const many = await addFiles('198.51.100.2', 3);
    await addFiles('198.51.100.3', 1);
    await addFiles(null, 2);
    const all = [
      { address: '198.51.100.2', files: 3 },
      { address: '198.51.100.1', files: 1 },
      { address: '198.51.100.3', files: 1 },
    ];
    expect(await addresses.uploaders({ limit: 10, offset: 0 })).toEqual(all);
    expect(await addresses.uploaders({ limit: 1, offset: 1 })).toEqual(all.slice(1, 2));
    await files.remove(many[0] ?? '', () => newJob());
    expect((await addresses.uploaders({ limit: 1, offset: 0 }))[0]?.files).toBe(2);
  });

  it('pages through the files of an address, newest first', async () => {
    const { addresses } = nodes().store;
    const ids = await addFiles('203.0.113.9', 3);
    const page = await addresses.filesFrom('203.0.113.9', { limit: 2, offset: 1 });
    expect(page.items.map(({ id }) => id)).toEqual(ids.slice(1));
    expect(page.total).toBe(3);
    expect(await addresses.filesFrom('203.0.113.10', { limit: 2, offset: 0 })).toEqual({
      items: [],
      total: 0,
    });
  });
}
