import { expect, it } from 'vitest';
import type { MetadataStore } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { newBlob, newFile, newId, newJob, newUpload, replicaOf } from './fixtures.ts';

/** What another node changes shows within this time. */
const noticeMs = 1000;

/** The number of `store` after `change`, and whether it was another one before. */
async function changed(store: MetadataStore, change: () => Promise<unknown>): Promise<boolean> {
  const before = store.contentVersion();
  await change();
  return store.contentVersion() !== before;
}

export function contentVersionTests(nodes: () => Nodes): void {
  it('is another one when a file is removed, before that is acknowledged', async () => {
    const { store } = nodes();
    const input = newFile();
    await store.files.add(input);
    expect(await changed(store, () => store.files.remove(input.file.id, () => newJob()))).toBe(
      true,
    );
  });

  it('is another one when a copy is found damaged, or replaced', async () => {
    const { store } = nodes();
    const blob = newBlob();
    const replica = replicaOf(blob);
    await store.files.add(newFile({ blob, replica }));
    const { blobId, channelId } = replica;
    const mark = { blobId, channelId, state: 'damaged', verifiedAt: 1 } as const;
    expect(await changed(store, () => store.replicas.mark([mark]))).toBe(true);
    const { segments } = replica;
    const replacement = { segments, verifiedAt: 2, addsJobs: [], clearsJobs: [] };
    expect(await changed(store, () => store.replicas.replace(replica, replacement))).toBe(true);
  });

  it('is another one for other nodes soon after', async () => {
    const { store, other } = nodes();
    const input = newFile();
    await store.files.add(input);
    const before = other.contentVersion();
    await store.files.remove(input.file.id, () => newJob());
    await expect.poll(() => other.contentVersion(), { timeout: noticeMs }).not.toBe(before);
  });

  it('only grows', async () => {
    const { store } = nodes();
    let last = store.contentVersion();
    for (let round = 0; round < 3; round++) {
      await store.files.remove(newId(), () => newJob());
      expect(store.contentVersion()).toBeGreaterThanOrEqual(last);
      last = store.contentVersion();
    }
  });

  it('can be the same while files and uploads are added', async () => {
    const { store } = nodes();
    // Where other nodes cannot be seen, time alone makes it another one.
    const attempts = Array.from({ length: 10 }, () => async () => {
      const isChanged = await changed(store, async () => {
        await store.files.add(newFile());
        await store.uploads.add(newUpload());
      });
      return !isChanged;
    });
    let wasSame = false;
    for (const attempt of attempts) {
      wasSame ||= await attempt();
    }
    expect(wasSame).toBe(true);
  });
}
