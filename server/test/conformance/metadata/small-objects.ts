import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Nodes } from '../metadata.ts';
import { newBlob, newFile, newJob, times } from './fixtures.ts';

const cleanup = () => newJob();

/** For stores that keep small objects; the others have nothing to show. */
export function smallObjectTests(nodes: () => Nodes): void {
  const rows = (): NonNullable<Nodes['store']['smallObjects']> | undefined =>
    nodes().store.smallObjects;

  it('are there with the file that brings them, also for another node', async ({ skip }) => {
    skip(rows() === undefined, 'keeps none');
    for (const row of [randomBytes(0), randomBytes(1), randomBytes(10_240), randomBytes(131_072)]) {
      const input = newFile({ row });
      await nodes().store.files.add(input);
      expect(Buffer.from((await rows()?.get(input.blob.id)) ?? [])).toEqual(row);
      expect(await nodes().other.smallObjects?.get(input.blob.id)).toHaveLength(row.length);
    }
    expect(await rows()?.get('unknown')).toBeUndefined();
  });

  it('do not stay when the file is refused, nor do they hurt those beside it', async ({ skip }) => {
    skip(rows() === undefined, 'keeps none');
    const taken = newFile();
    await nodes().store.files.add(taken);
    const refused = newFile({ row: randomBytes(100), path: taken.path });
    const others = times(20, () => newFile({ row: randomBytes(100) }));
    const results = await Promise.allSettled(
      [refused, ...others].map((one) => nodes().store.files.add(one)),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(await rows()?.get(refused.blob.id)).toBeUndefined();
    for (const { blob, row } of others) {
      expect(Buffer.from((await rows()?.get(blob.id)) ?? [])).toEqual(row);
    }
  });

  it('go with the last file of their blob, without a job where none is wanted', async ({
    skip,
  }) => {
    skip(rows() === undefined, 'keeps none');
    const { store } = nodes();
    const blob = newBlob();
    const first = newFile({ blob, row: randomBytes(100) });
    const second = newFile({ blob });
    await store.files.add(first);
    await store.files.add(second);
    const jobs = (await store.jobs.list({ limit: 10_000 })).length;
    expect(await store.files.remove(first.file.id, cleanup)).toBe(true);
    expect(await rows()?.get(blob.id)).toHaveLength(100);
    expect(await store.files.remove(second.file.id, () => undefined)).toBe(true);
    expect(await rows()?.get(blob.id)).toBeUndefined();
    expect(await store.jobs.list({ limit: 10_000 })).toHaveLength(jobs);
  });

  it('can be removed while the blob stays, more than once', async ({ skip }) => {
    skip(rows() === undefined, 'keeps none');
    const input = newFile({ row: randomBytes(100) });
    await nodes().store.files.add(input);
    await rows()?.delete(input.blob.id);
    await rows()?.delete(input.blob.id);
    expect(await rows()?.get(input.blob.id)).toBeUndefined();
    expect(await nodes().store.files.get(input.file.id)).toBeDefined();
    expect(await nodes().store.files.remove(input.file.id, cleanup)).toBe(true);
  });
}
