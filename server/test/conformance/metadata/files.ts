import { expect, it } from 'vitest';
import type { FileRecord } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import {
  atOnce,
  hash,
  newBlob,
  newFile,
  newId,
  newJob,
  newUpload,
  replicaOf,
  storedPart,
  times,
} from './fixtures.ts';

export function fileTests(nodes: () => Nodes): void {
  it('answers what was added, by id and by path', async () => {
    const { files } = nodes().store;
    const blob = newBlob({ sha256: hash });
    const segments = [
      { ref: { key: 'a', list: [1, null, true] }, size: 600, hash },
      { ref: 'plain', size: 400, hash },
    ];
    const input = newFile({
      file: {
        tags: ['a', 'b c'],
        listType: 'White',
        label: 'adult',
        uploader: newId(),
        durationSeconds: 12.345,
        contentType: 'video/mp4',
      },
      blob,
      replica: replicaOf(blob, { segments }),
      path: `a/b/${blob.id}.mp4`,
    });
    const stored = await files.add(input);
    expect(stored).toEqual({
      file: {
        ...input.file,
        path: `a/b/${blob.id}.mp4`,
        folder: 'a/b',
        blobId: blob.id,
        size: 1000,
        channelId: 'channel-a',
      },
      blob,
      replicas: [{ blobId: blob.id, channelId: 'channel-a', segments, state: 'ok' }],
    });
    expect(await files.get(input.file.id)).toEqual(stored);
    expect(await files.getByPath(`a/b/${blob.id}.mp4`)).toEqual(stored);
    expect(await nodes().other.files.get(input.file.id)).toEqual(stored);
  });

  it('has an empty folder for names in the root, and nulls where nothing is known', async () => {
    const input = newFile({ file: { width: null, height: null, ip: null }, path: newId() });
    const stored = await nodes().store.files.add(input);
    expect(stored?.file).toMatchObject({
      folder: '',
      width: null,
      height: null,
      durationSeconds: null,
      uploader: null,
      ip: null,
    });
    expect(await nodes().store.files.get(input.file.id)).toEqual(stored);
  });

  it('knows nothing of files that are not there', async () => {
    const { files } = nodes().store;
    expect(await files.get(newId())).toBeUndefined();
    expect(await files.getByPath('no/such.png')).toBeUndefined();
    expect(await files.remove(newId(), () => newJob())).toBe(false);
    expect(await files.knowsStorageId(newId())).toBe(false);
    expect(await files.usage(newId())).toEqual({ bytes: 0, blobs: 0 });
  });

  it('refuses an id twice and writes nothing of the second', async () => {
    const { files } = nodes().store;
    const input = newFile();
    await files.add(input);
    const again = newFile({ file: { id: input.file.id } });
    await expect(files.add(again)).rejects.toMatchObject({ code: 'conflict' });
    expect(await files.knowsStorageId(again.blob.id)).toBe(false);
  });

  it('keeps a blob that is there already, and counts it once a channel', async () => {
    const { files } = nodes().store;
    const [channelA, channelB, blob] = [newId(), newId(), newBlob()];
    const first = await files.add(
      newFile({ blob, replica: replicaOf(blob, { channelId: channelA }) }),
    );
    const other = { ...blob, hash: 'other', sha256: hash };
    const second = await files.add(
      newFile({ blob: other, replica: replicaOf(other, { channelId: channelA, segments: [] }) }),
    );
    expect(second).toMatchObject({ blob: first?.blob, replicas: first?.replicas });
    const third = await files.add(
      newFile({ blob, replica: replicaOf(blob, { channelId: channelB }) }),
    );
    expect(third?.replicas.map(({ channelId }) => channelId).sort()).toEqual(
      [channelA, channelB].sort(),
    );
    expect(await files.get(third?.file.id ?? '')).toEqual(third);
    for (const channel of [channelA, channelB]) {
      expect(await files.usage(channel)).toEqual({ bytes: 1000, blobs: 1 });
    }
  });

  it('brings and clears jobs in the same transaction', async () => {
    const { files, jobs } = nodes().store;
    const [old, kept, ...added] = times(152, () => newJob({ kind: newId() }));
    await jobs.add([old, kept].flatMap((job) => job ?? []));
    const path = newId();
    await files.add(newFile({ path, clearsJobs: [old?.id ?? '', newId()], addsJobs: added }));
    const idsNow = async () => new Set((await jobs.list({ limit: 10_000 })).map(({ id }) => id));
    expect(await idsNow()).toEqual(new Set([kept?.id, ...added.map(({ id }) => id)]));

    const failing = newFile({ path, clearsJobs: [kept?.id ?? ''], addsJobs: [newJob()] });
    await expect(files.add(failing)).rejects.toMatchObject({ code: 'conflict' });
    expect(await idsNow()).toEqual(new Set([kept?.id, ...added.map(({ id }) => id)]));
  });

  it('finishes the upload it comes from', async () => {
    const { files, uploads } = nodes().store;
    const upload = newUpload({ version: 7 });
    await uploads.add(upload);
    const stored = await files.add(
      newFile({ upload: { id: upload.id, version: 7, result: { src: '/file/x' } } }),
    );
    expect(stored).toBeDefined();
    expect(await uploads.get(upload.id)).toEqual({
      ...upload,
      state: 'done',
      version: 8,
      result: { src: '/file/x' },
    });
  });

  it('writes nothing when the upload has moved on', async () => {
    const { files, uploads } = nodes().store;
    const upload = newUpload();
    await uploads.add(upload);
    for (const [id, version] of [
      [upload.id, 2],
      [newId(), 1],
    ] as const) {
      const input = newFile({
        addsJobs: [newJob({ kind: 'never' })],
        upload: { id, version, result: 1 },
      });
      expect(await files.add(input)).toBeUndefined();
      expect(await files.get(input.file.id)).toBeUndefined();
      expect(await files.knowsStorageId(input.blob.id)).toBe(false);
    }
    expect(await uploads.get(upload.id)).toEqual(upload);
  });

  it('leaves the upload alone when no path is free', async () => {
    const { files, uploads } = nodes().store;
    const [upload, path] = [newUpload(), newId()];
    await uploads.add(upload);
    await files.add(newFile({ path }));
    await expect(
      files.add(newFile({ path, upload: { id: upload.id, version: 1, result: 1 } })),
    ).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await uploads.get(upload.id)).toEqual(upload);
  });

  it('lets one of many finishers win', async () => {
    const { store, other } = nodes();
    const upload = newUpload();
    await store.uploads.add(upload);
    const channelId = newId();
    const added = await atOnce(20, [store, other], (node, index) => {
      const blob = newBlob();
      return node.files.add(
        newFile({
          blob,
          replica: replicaOf(blob, { channelId }),
          upload: { id: upload.id, version: 1, result: index },
        }),
      );
    });
    const winners = added.flatMap((stored, index) => (stored ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(await store.uploads.get(upload.id)).toMatchObject({
      state: 'done',
      version: 2,
      result: winners[0],
    });
    expect(await store.files.usage(channelId)).toEqual({ bytes: 1000, blobs: 1 });
  });

  it('counts every concurrent change of a channel', async () => {
    const { store, other } = nodes();
    const channelId = newId();
    const added = await atOnce(100, [store, other], (node) => {
      const blob = newBlob({ size: 7 });
      return node.files.add(newFile({ blob, replica: replicaOf(blob, { channelId }) }));
    });
    expect(await store.files.usage(channelId)).toEqual({ bytes: 700, blobs: 100 });
    const half = added.flatMap((stored) => (stored ? [stored.file.id] : [])).slice(0, 50);
    await atOnce(50, [store, other], (node, index) =>
      node.files.remove(half[index] ?? '', () => newJob()),
    );
    expect(await other.files.usage(channelId)).toEqual({ bytes: 350, blobs: 50 });
  });

  it('knows the storage ids of blobs, received uploads and parts', async () => {
    const { files, uploads } = nodes().store;
    const [input, upload] = [newFile(), newUpload({ storageId: newId() })];
    const part = storedPart(upload, 0);
    await files.add(input);
    await uploads.add(upload);
    await uploads.putPart(part, 0);
    for (const id of [input.blob.id, upload.storageId ?? '', part.storageId]) {
      expect(await files.knowsStorageId(id)).toBe(true);
    }
    const pending = { ...storedPart(upload, 1), state: 'pending', segments: [] } as const;
    await uploads.putPart(pending, 0);
    for (const id of [input.file.id, upload.id, pending.storageId]) {
      expect(await files.knowsStorageId(id)).toBe(false);
    }
    await uploads.update(upload.id, 1, { storageId: null });
    expect(await files.knowsStorageId(upload.storageId ?? '')).toBe(false);
  });

  it('lists newest first, by category, in pages', async () => {
    const { files } = nodes().store;
    const before = (await files.list({ limit: 1, offset: 0 })).total;
    const types = [
      'audio/ogg',
      'audio/mpeg; codecs=x',
      'AUDIO/FLAC',
      'application/pdf',
      'application/x-unheard-of',
    ];
    const added: FileRecord[] = [];
    for (const [index, contentType] of types.entries()) {
      // The last ones share their moment: the younger id comes first.
      const createdAt = 9_000_000_000_000 + Math.min(index, 3);
      const stored = await files.add(newFile({ file: { contentType, createdAt } }));
      if (stored) {
        added.unshift(stored.file);
      }
    }
    expect(await files.list({ limit: 5, offset: 0 })).toEqual({ items: added, total: before + 5 });
    expect(await files.list({ limit: 2, offset: 1 })).toEqual({
      items: added.slice(1, 3),
      total: before + 5,
    });
    expect(await files.list({ category: 'audio', limit: 2, offset: 1 })).toEqual({
      items: added.slice(3, 5),
      total: 3,
    });
    expect(await files.list({ category: 'document', limit: 9, offset: 0 })).toEqual({
      items: [added[1]],
      total: 1,
    });
    expect(await files.list({ category: 'other', limit: 9, offset: 0 })).toEqual({
      items: [added[0]],
      total: 1,
    });
    expect(await files.list({ limit: 9, offset: before + 5 })).toEqual({
      items: [],
      total: before + 5,
    });
    const after = async (at: FileRecord | undefined, category?: 'audio') =>
      (
        await files.list({
          limit: 2,
          offset: 7,
          ...(at && { after: at }),
          ...(category && { category }),
        })
      ).items;
    expect(await after(added[0])).toEqual(added.slice(1, 3));
    expect(await after(added[1], 'audio')).toEqual(added.slice(2, 4));
    expect(await after(added[4], 'audio')).toEqual([]);
  });

  it('finds the same page from either end', async () => {
    const { files } = nodes().store;
    const count = 2_300;
    // Many share their moment.
    await Promise.all(
      times(count, (index) =>
        files.add(newFile({ file: { contentType: 'video/mp4', createdAt: index >> 3 } })),
      ),
    );
    const { items: all, total } = await files.list({ category: 'video', limit: 10_000, offset: 0 });
    expect([all.length, total >= count]).toEqual([total, true]);
    expect(all.map(({ id }) => id)).toEqual(
      all
        .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
        .map(({ id }) => id),
    );
    for (const [offset, limit] of [
      [1_001, 20],
      [1_140, 20],
      [1_150, 1],
      [1_500, 100],
      [2_290, 9],
      [2_290, 10],
      [2_290, 20],
      [2_299, 1],
      [2_300, 5],
      [9_999, 5],
    ] as const) {
      const { items } = await files.list({ category: 'video', limit, offset });
      expect([offset, items]).toEqual([offset, all.slice(offset, offset + limit)]);
    }
  });

  it('knows who has the bytes of a SHA-256', async () => {
    const { files } = nodes().store;
    const sha256 = newId().replaceAll('-', '').repeat(2);
    const [one, other] = [newId(), newId()];
    const input = newFile({ file: { uploader: one }, blob: newBlob({ sha256 }) });
    const { channelId: stored } = input.replica;
    const holds = (uploader?: string, channelId = stored) =>
      nodes().other.files.holdsSha256(
        sha256,
        uploader === undefined ? undefined : { uploader, channelId },
      );
    expect(await holds()).toBe(false);
    await files.add(input);
    await files.add(newFile({ file: { uploader: other }, blob: newBlob() }));
    expect([await holds(), await holds(one), await holds(other)]).toEqual([true, true, false]);
    expect(await holds(one, newId())).toBe(false);
    await files.remove(input.file.id, () => newJob());
    expect([await holds(), await holds(one)]).toEqual([false, false]);
  });
}
