import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { FileStore, NewJob, Segment } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { atOnce, hash, newBlob, newFile, newId, newJob, replicaOf, times } from './fixtures.ts';

const cleanup = (channelId: string, { ref }: Segment): NewJob =>
  newJob({ kind: 'delete', payload: { channelId, ref } });

export function removalTests(nodes: () => Nodes): void {
  const pending = async (channelId: string) =>
    (await nodes().store.jobs.list({ limit: 10_000 })).flatMap(({ payload }) =>
      typeof payload === 'object' &&
      payload !== null &&
      'channelId' in payload &&
      payload.channelId === channelId
        ? [payload]
        : [],
    );

  it('removes the blob with its last file, leaving a job for every object', async () => {
    const { files } = nodes().store;
    const [channelA, channelB, blob] = [newId(), newId(), newBlob()];
    const segments = times(120, (index) => ({ ref: { part: index }, size: 1, hash }));
    const one = await files.add(
      newFile({ blob, replica: replicaOf(blob, { channelId: channelA, segments }) }),
    );
    const two = await files.add(
      newFile({ blob, replica: replicaOf(blob, { channelId: channelB }) }),
    );

    expect(await files.remove(one?.file.id ?? '', cleanup)).toBe(true);
    expect(await files.get(one?.file.id ?? '')).toBeUndefined();
    expect(await files.get(two?.file.id ?? '')).toEqual(two);
    expect([...(await pending(channelA)), ...(await pending(channelB))]).toEqual([]);
    expect(await files.usage(channelA)).toEqual({ bytes: 1000, blobs: 1 });

    expect(await files.remove(two?.file.id ?? '', cleanup)).toBe(true);
    expect(await files.knowsStorageId(blob.id)).toBe(false);
    expect(await pending(channelA)).toHaveLength(120);
    expect(await pending(channelB)).toEqual([{ channelId: channelB, ref: { key: blob.id } }]);
    for (const channel of [channelA, channelB]) {
      expect(await files.usage(channel)).toEqual({ bytes: 0, blobs: 0 });
    }
    expect(await files.remove(two?.file.id ?? '', cleanup)).toBe(false);
  });

  it('removes nothing when cleanup() throws', async () => {
    const { files } = nodes().store;
    const stored = await files.add(newFile());
    const error = new Error('no such channel');
    const removal = files.remove(stored?.file.id ?? '', () => {
      throw error;
    });
    await expect(removal).rejects.toBe(error);
    expect(await files.get(stored?.file.id ?? '')).toEqual(stored);
  });

  it('lets one of many removers win', async () => {
    const { store, other } = nodes();
    const [channelId, blob] = [newId(), newBlob()];
    const stored = await store.files.add(
      newFile({ blob, replica: replicaOf(blob, { channelId }) }),
    );
    const removed = await atOnce(20, [store, other], (node) =>
      node.files.remove(stored?.file.id ?? '', cleanup),
    );
    expect(removed.filter((won) => won)).toHaveLength(1);
    expect(await pending(channelId)).toHaveLength(1);
  });

  it('leaves no blob behind when its files go at the same time', async () => {
    const { store, other } = nodes();
    for (const _ of times(10, () => 0)) {
      const [channelId, blob] = [newId(), newBlob()];
      const add = () => store.files.add(newFile({ blob, replica: replicaOf(blob, { channelId }) }));
      const ids = (await Promise.all(times(6, add))).map((stored) => stored?.file.id ?? '');
      await atOnce(6, [store, other], (node, index) =>
        node.files.remove(ids[index] ?? '', cleanup),
      );
      expect(await store.files.knowsStorageId(blob.id)).toBe(false);
      expect(await pending(channelId)).toHaveLength(1);
      expect(await store.files.usage(channelId)).toEqual({ bytes: 0, blobs: 0 });
    }
  });

  it('never leaves a file without its blob when others come and go', async () => {
    const { store, other } = nodes();
    for (const _ of times(10, () => 0)) {
      const [channelId, blob] = [newId(), newBlob()];
      const input = () => newFile({ blob, replica: replicaOf(blob, { channelId }) });
      const old = await store.files.add(input());
      const [added] = await Promise.all([
        atOnce(6, [other, store], (node) => node.files.add(input())),
        other.files.remove(old?.file.id ?? '', cleanup),
      ]);
      for (const stored of added) {
        expect((await store.files.get(stored?.file.id ?? ''))?.replicas).toHaveLength(1);
      }
      expect(await store.files.usage(channelId)).toEqual({ bytes: 1000, blobs: 1 });
    }
  });

  it('keeps usage equal to what is stored, whatever happens', async () => {
    const step = fc.record({
      adds: fc.boolean(),
      blob: fc.nat(3),
      channel: fc.nat(1),
      pick: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const model = libraryModel(nodes().store.files);
        for (const { adds, blob, channel, pick } of steps) {
          await (adds ? model.add(blob, channel) : model.remove(pick));
        }
        await model.check();
      }),
      { numRuns: 15 },
    );
  });
}

/** A library of four blobs on two channels that remembers what must be where. */
function libraryModel(files: FileStore) {
  const channels = [newId(), newId()];
  const blobs = [1, 10, 100, 2 ** 40].map((size) => newBlob({ size }));
  const present: { id: string; blob: number }[] = [];
  const placed = new Set<string>();

  return {
    async add(blob: number, channel: number): Promise<void> {
      const [bytes, channelId] = [blobs[blob] ?? newBlob(), channels[channel] ?? ''];
      const stored = await files.add(
        newFile({ blob: bytes, replica: replicaOf(bytes, { channelId }) }),
      );
      present.push({ id: stored?.file.id ?? '', blob });
      placed.add(`${channel}:${blob}`);
    },

    async remove(pick: number): Promise<void> {
      const [gone] = present.splice(pick % Math.max(1, present.length), 1);
      if (!gone) {
        return;
      }
      await files.remove(gone.id, cleanup);
      if (present.some(({ blob }) => blob === gone.blob)) {
        return;
      }
      for (const channel of [0, 1]) {
        placed.delete(`${channel}:${gone.blob}`);
      }
    },

    async check(): Promise<void> {
      for (const [channel, channelId] of channels.entries()) {
        const there = blobs.filter((_, blob) => placed.has(`${channel}:${blob}`));
        const bytes = there.reduce((sum, { size }) => sum + size, 0);
        expect(await files.usage(channelId)).toEqual({ bytes, blobs: there.length });
      }
    },
  };
}
