import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Upload, UploadPart } from '../../../src/core/metadata.ts';
import type { Nodes } from '../metadata.ts';
import { atOnce, newUpload, pendingPart, storedPart, times } from './fixtures.ts';

const accepted = { outcome: 'accepted' };
const refused = { outcome: 'refused' };
const replaced = (part: UploadPart) => ({ outcome: 'replaced', part });

export function partTests(nodes: () => Nodes): void {
  const add = async (changes: Partial<Upload> = {}): Promise<Upload> => {
    const upload = newUpload(changes);
    await nodes().store.uploads.add(upload);
    return upload;
  };

  it('writes parts in any order and answers them in theirs', async () => {
    const { uploads } = nodes().store;
    const upload = await add();
    const parts = [11, 2, 0, 100].map((index) =>
      storedPart(upload, index, { native: { etag: String(index) } }),
    );
    for (const part of parts) {
      expect(await uploads.putPart(part, 0)).toEqual(accepted);
    }
    expect((await nodes().other.uploads.parts(upload.id)).map(({ index }) => index)).toEqual([
      0, 2, 11, 100,
    ]);
    expect(await uploads.parts(upload.id)).toEqual([parts[2], parts[1], parts[0], parts[3]]);
    expect(await uploads.parts(newUpload().id)).toEqual([]);
    expect(await uploads.get(upload.id)).toEqual(upload);
  });

  it('turns the pending row of an attempt into its stored one', async () => {
    const { uploads } = nodes().store;
    const upload = await add();
    const pending = pendingPart(upload, 0);
    const stored = storedPart(upload, 0, { storageId: pending.storageId });
    expect(await uploads.putPart(pending, 0)).toEqual(accepted);
    expect(await uploads.parts(upload.id)).toEqual([pending]);
    // Its bytes are the ones to keep: there is nothing to remove.
    expect(await uploads.putPart(stored, 0)).toEqual(accepted);
    expect(await uploads.putPart(stored, 0)).toEqual(accepted);
    expect(await uploads.parts(upload.id)).toEqual([stored]);
  });

  it('answers the part that was replaced', async () => {
    const { uploads } = nodes().store;
    const upload = await add();
    const [abandoned, pending] = [pendingPart(upload, 0), pendingPart(upload, 0)];
    await uploads.putPart(abandoned, 0);
    expect(await uploads.putPart(pending, 0)).toEqual(replaced(abandoned));
    const first = storedPart(upload, 0, { storageId: pending.storageId });
    await uploads.putPart(first, 0);
    const second = storedPart(upload, 0);
    expect(await uploads.putPart(second, 0)).toEqual(replaced(first));
    expect(await uploads.parts(upload.id)).toEqual([second]);
  });

  it('moves the version on when a stored part is replaced, so that a merge that has read it starts over', async () => {
    const { uploads } = nodes().store;
    const upload = await add({ expiresAt: 1000 });
    const [pending, first] = [pendingPart(upload, 0), storedPart(upload, 1)];
    const versionAfter = async (part: UploadPart, extendTo = 0) => {
      await uploads.putPart(part, extendTo);
      return (await uploads.get(upload.id))?.version;
    };
    expect(await versionAfter(pending)).toBe(1);
    expect(await versionAfter(pendingPart(upload, 0))).toBe(1);
    expect(await versionAfter(first)).toBe(1);
    expect(await versionAfter(first, 2000)).toBe(1);
    expect(await versionAfter(storedPart(upload, 1), 3000)).toBe(2);
    expect(await versionAfter(storedPart(upload, 1))).toBe(3);
    expect(await uploads.get(upload.id)).toEqual({ ...upload, version: 3, expiresAt: 3000 });
  });

  it('never replaces a stored part by a pending one', async () => {
    const { uploads } = nodes().store;
    const upload = await add();
    const stored = storedPart(upload, 0);
    await uploads.putPart(stored, 0);
    expect(await uploads.putPart(pendingPart(upload, 0), upload.expiresAt + 1)).toEqual(accepted);
    expect(await uploads.parts(upload.id)).toEqual([stored]);
    expect(await uploads.get(upload.id)).toEqual(upload);
  });

  it('does not store an attempt whose pending row somebody else has replaced', async () => {
    const { uploads } = nodes().store;
    const upload = await add();
    const [slow, quick] = [pendingPart(upload, 0), pendingPart(upload, 0)];
    await uploads.putPart(slow, 0);
    await uploads.putPart(quick, 0);
    expect(
      await uploads.putPart(
        storedPart(upload, 0, { storageId: slow.storageId }),
        upload.expiresAt + 1,
      ),
    ).toEqual(refused);
    expect(await uploads.parts(upload.id)).toEqual([quick]);
    expect(await uploads.get(upload.id)).toEqual(upload);
  });

  it.each(['failed', 'done', 'aborted'] as const)(
    'writes nothing once the upload is %s',
    async (state) => {
      const { uploads } = nodes().store;
      const upload = await add();
      const part = storedPart(upload, 0);
      await uploads.putPart(part, 0);
      const changed = await uploads.update(upload.id, 1, { state });
      expect(await uploads.putPart(storedPart(upload, 0), upload.expiresAt + 1)).toEqual(refused);
      expect(await uploads.putPart(pendingPart(upload, 1), upload.expiresAt + 1)).toEqual(refused);
      expect(await uploads.parts(upload.id)).toEqual([part]);
      expect(await uploads.get(upload.id)).toEqual(changed);
    },
  );

  it('knows no upload that never was', async () => {
    expect(await nodes().store.uploads.putPart(storedPart(newUpload(), 0), 0)).toEqual(refused);
  });

  it('moves the expiry forward only', async () => {
    const { uploads } = nodes().store;
    const upload = await add({ expiresAt: 1000 });
    const expiryAfter = async (part: UploadPart, extendTo: number) => {
      await uploads.putPart(part, extendTo);
      return (await uploads.get(upload.id))?.expiresAt;
    };
    expect(await expiryAfter(pendingPart(upload, 0), 999)).toBe(1000);
    expect(await expiryAfter(pendingPart(upload, 0), 2000)).toBe(2000);
    expect(await expiryAfter(storedPart(upload, 1), 1500)).toBe(2000);
    expect((await uploads.get(upload.id))?.version).toBe(1);
  });

  it('drops the pending row of an attempt, and nothing else', async () => {
    const { uploads } = nodes().store;
    const [upload, other] = [await add(), await add()];
    const [pending, stored] = [pendingPart(upload, 0), storedPart(upload, 1)];
    await uploads.putPart(pending, 0);
    await uploads.putPart(stored, 0);
    await uploads.dropPendingPart(other.id, pending.storageId);
    await uploads.dropPendingPart(upload.id, stored.storageId);
    expect(await uploads.parts(upload.id)).toEqual([pending, stored]);
    await uploads.dropPendingPart(upload.id, pending.storageId);
    await uploads.dropPendingPart(upload.id, pending.storageId);
    expect(await uploads.parts(upload.id)).toEqual([stored]);
  });

  it('loses none of many parts that come at once', async () => {
    const { store, other } = nodes();
    const upload = await add({ expiresAt: 0 });
    const parts = times(60, (index) => storedPart(upload, index));
    await atOnce(60, [store, other], (node, index) =>
      node.uploads.putPart(parts[index] ?? storedPart(upload, 0), index),
    );
    expect(await store.uploads.parts(upload.id)).toEqual(parts);
    expect((await store.uploads.get(upload.id))?.expiresAt).toBe(59);
  });

  it('keeps one of many attempts at a part, and hands out every other once', async () => {
    const { store, other } = nodes();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 8 }), async (attempts) => {
        const upload = await add();
        const handedOut: string[] = [];
        const refused: string[] = [];
        await atOnce(attempts, [store, other], async (node) => {
          const pending = pendingPart(upload, 0);
          const begun = await node.uploads.putPart(pending, 0);
          const stored = await node.uploads.putPart(
            storedPart(upload, 0, { storageId: pending.storageId }),
            0,
          );
          for (const result of [begun, stored]) {
            if (result.outcome === 'replaced') {
              handedOut.push(`${result.part.state} ${result.part.storageId}`);
            }
          }
          if (stored.outcome === 'refused') {
            refused.push(pending.storageId);
          }
        });
        const [kept, ...more] = await store.uploads.parts(upload.id);
        expect(more).toEqual([]);
        expect(kept?.state).toBe('stored');
        expect(new Set(handedOut).size).toBe(handedOut.length);
        const storedThenReplaced = handedOut.filter((row) => row.startsWith('stored'));
        expect(handedOut).not.toContain(`stored ${kept?.storageId}`);
        expect(storedThenReplaced.length + refused.length + 1).toBe(attempts);
      }),
      { numRuns: 20 },
    );
  });

  it('takes no part after the change that closes the upload', async () => {
    const { store, other } = nodes();
    for (const _ of times(10, () => 0)) {
      const upload = await add();
      const [answers] = await Promise.all([
        atOnce(10, [store, other], (node, index) =>
          node.uploads.putPart(storedPart(upload, index), 0),
        ),
        other.uploads.update(upload.id, 1, { state: 'aborted' }),
      ]);
      const written = answers.filter(({ outcome }) => outcome !== 'refused');
      expect(await store.uploads.parts(upload.id)).toHaveLength(written.length);
    }
  });

  it('adds the stored bytes up, and refuses what makes them too many', async () => {
    const { store, other } = nodes();
    const upload = await add();
    const sum = (except = -1) => store.uploads.receivedBytes(upload.id, except);
    const maxBytes = 100;
    await store.uploads.putPart(pendingPart(upload, 0), 0, { maxBytes });
    expect(await sum()).toBe(0);
    const [first, last] = [
      storedPart(upload, 1, { size: 60 }),
      storedPart(upload, 2, { size: 40 }),
    ];
    for (const part of [first, first, last]) {
      await store.uploads.putPart(part, 0, { maxBytes });
    }
    expect([await sum(), await sum(1), await sum(2), await sum(7)]).toEqual([100, 40, 60, 100]);
    await expect(
      other.uploads.putPart(storedPart(upload, 3, { size: 1 }), 0, { maxBytes }),
    ).rejects.toMatchObject({
      code: 'too_large',
    });
    await expect(
      other.uploads.putPart(storedPart(upload, 1, { size: 61 }), 0, { maxBytes }),
    ).rejects.toThrow();
    expect(await store.uploads.parts(upload.id)).toContainEqual(first);
    await other.uploads.putPart(storedPart(upload, 1, { size: 10 }), 0, { maxBytes });
    expect(await sum()).toBe(50);
    const results = await atOnce(10, [store, other], (node, index) =>
      node.uploads.putPart(storedPart(upload, 10 + index, { size: 10 }), 0, { maxBytes }).then(
        () => 1,
        () => 0,
      ),
    );
    expect(results.reduce<number>((total, one) => total + one, 0)).toBe(5);
    expect(await sum()).toBe(100);
  });
}
