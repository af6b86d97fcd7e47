import { expect, it } from 'vitest';
import type { StoredFile } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { newFile, newId, newJob, replicaOf } from './fixtures.ts';

export function recordTests(nodes: () => Nodes): void {
  it('pages through all files with their bytes, newest first', async () => {
    const { files, records } = nodes().store;
    const added: (StoredFile | undefined)[] = [];
    for (const createdAt of [1, 2, 2, 3]) {
      added.push(await files.add(newFile({ file: { createdAt } })));
    }
    const shared = added[0];
    if (shared !== undefined) {
      const { blob } = shared;
      const replica = replicaOf(blob);
      added.push(await files.add(newFile({ file: { createdAt: 4 }, blob, replica })));
    }
    const all: StoredFile[] = [];
    let pages = 0;
    for (let page = await records.page({ limit: 2 }); ; pages++) {
      all.push(...page.files);
      if (page.next === undefined) {
        break;
      }
      page = await records.page({ limit: 2, after: page.next });
    }
    expect(pages).toBe(2);
    expect(all.map(({ file }) => file.createdAt)).toEqual([4, 3, 2, 2, 1]);
    for (const stored of all) {
      expect(stored).toEqual(await files.get(stored.file.id));
    }
  });

  it('knows which objects a job is about to remove', async () => {
    const { jobs, records } = nodes().store;
    const [channelId, key] = [newId(), newId()];
    const ref = { key, part: [1, 'ü'] };
    const job = { ...newJob(), kind: 'delete_object', payload: { channelId, ref } };
    const isBeingRemoved = () => records.isBeingRemoved(channelId, [{ key: 'other' }, ref]);
    expect(await isBeingRemoved()).toBe(false);
    await jobs.add([job]);
    expect(await isBeingRemoved()).toBe(true);
    expect(await records.isBeingRemoved(newId(), [ref])).toBe(false);
    expect(await records.isBeingRemoved(channelId, [])).toBe(false);
    await jobs.done([job.id]);
    expect(await isBeingRemoved()).toBe(false);
  });
}
