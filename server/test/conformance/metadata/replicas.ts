import { expect, it } from 'vitest';
import type { MetadataStore, NewFile, ReplicaKey } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { newBlob, newFile, newId, newJob, replicaOf, times } from './fixtures.ts';

async function addFiles(
  { files }: MetadataStore,
  count: number,
  channelId = newId(),
): Promise<readonly NewFile[]> {
  const inputs = times(count, () => {
    const blob = newBlob();
    return newFile({ blob, replica: replicaOf(blob, { channelId }) });
  });
  for (const input of inputs) {
    await files.add(input);
  }
  return inputs;
}

export function replicaTests(nodes: () => Nodes): void {
  it('are handed out page by page, each once, those of the channels asked for', async () => {
    const { store } = nodes();
    const channelIds = [newId(), newId()];
    const added = (await Promise.all(channelIds.map((id) => addFiles(store, 7, id)))).flat();
    await addFiles(store, 3);
    const seen: string[] = [];
    for (let after: ReplicaKey | undefined; ; ) {
      const page = await store.replicas.page({ channelIds, after, limit: 4 });
      seen.push(...page.map(({ blobId }) => blobId));
      after = page.at(-1);
      if (page.length < 4) {
        break;
      }
    }
    expect(seen).toEqual(added.map(({ blob }) => blob.id).sort());
  });

  it('of one blob on several channels follow each other', async () => {
    const { store } = nodes();
    const blob = newBlob();
    const channelIds = [newId(), newId(), newId()].sort();
    for (const channelId of channelIds) {
      await store.files.add(newFile({ blob, replica: replicaOf(blob, { channelId }) }));
    }
    expect((await store.replicas.ofBlob(blob.id)).map(({ channelId }) => channelId)).toEqual(
      channelIds,
    );
    for (const [at, channelId] of channelIds.entries()) {
      const [next] = await store.replicas.page({
        channelIds,
        after: { blobId: blob.id, channelId },
        limit: 1,
      });
      expect(next?.channelId).toBe(channelIds[at + 1]);
    }
  });

  it('keep what was found of them, in every answer', async () => {
    const { store, other } = nodes();
    const [input] = await addFiles(store, 1);
    const { blobId, channelId } = { ...replicaOf(input?.blob ?? newBlob()), ...input?.replica };
    const before = await store.replicas.countBroken();
    const page = () => other.replicas.page({ channelIds: [channelId], limit: 1 });
    expect(await page()).toMatchObject([{ state: 'ok', verifiedAt: null }]);
    for (const [state, broken] of [
      ['damaged', 1],
      ['missing', 1],
      ['ok', 0],
    ] as const) {
      expect(await store.replicas.mark([{ blobId, channelId, state, verifiedAt: 5000 }])).toBe(1);
      expect(await page()).toMatchObject([{ state, verifiedAt: 5000 }]);
      expect((await other.files.get(input?.file.id ?? ''))?.replicas).toMatchObject([{ state }]);
      expect((await other.replicas.countBroken()) - before).toBe(broken);
    }
  });

  it('that are gone are not marked', async () => {
    const { replicas } = nodes().store;
    expect(
      await replicas.mark([
        { blobId: newId(), channelId: 'channel-a', state: 'damaged', verifiedAt: 1 },
      ]),
    ).toBe(0);
    expect(await replicas.mark([])).toBe(0);
  });

  it('get other objects only in the place of those they have', async () => {
    const { store, other } = nodes();
    const [input] = await addFiles(store, 1);
    const [old] = (await store.files.get(input?.file.id ?? ''))?.replicas ?? [];
    if (old === undefined) {
      throw new Error('No replica');
    }
    await store.replicas.mark([{ ...old, state: 'damaged', verifiedAt: 1 }]);
    const job = newJob({ kind: newId() });
    const obsolete = newJob({ kind: job.kind });
    await store.jobs.add([obsolete]);
    const replacement = {
      segments: [{ ref: { key: 'new' }, size: 1000, hash: 'x' }],
      verifiedAt: 9,
      addsJobs: [job],
    };
    expect(await store.replicas.replace(old, { ...replacement, clearsJobs: [obsolete.id] })).toBe(
      true,
    );
    expect(await other.replicas.ofBlob(old.blobId)).toEqual([
      { ...old, segments: replacement.segments },
    ]);
    const again = {
      ...replacement,
      segments: [],
      addsJobs: [newJob({ kind: job.kind })],
      clearsJobs: [job.id],
    };
    expect(await other.replicas.replace(old, again)).toBe(false);
    expect(await other.replicas.pathsOf(old.blobId)).toEqual([input?.path(0)]);
    const jobs = await store.jobs.claim({
      now: Date.now(),
      leaseMs: 1000,
      limit: 10,
      kinds: [job.kind],
    });
    expect(jobs.map(({ id }) => id)).toEqual([job.id]);
  });
}
