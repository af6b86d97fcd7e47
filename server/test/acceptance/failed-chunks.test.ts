import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { discordBackend } from './backends.ts';
import {
  type ChunkedUpload,
  initUpload,
  mergeUpload,
  putChunk,
  uploadedChunks,
} from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { eventually, pseudoRandomBytes, srcOf } from './requests.ts';

/** Upload API 2.4: the server itself stores chunks again that their channel did not take (R23). */
describe('a chunk whose channel failed', () => {
  let stowage: Stowage;
  let discord: Awaited<ReturnType<typeof discordBackend>>;
  const chunks = [
    pseudoRandomBytes(200_000),
    pseudoRandomBytes(150_000),
    pseudoRandomBytes(100_000),
  ];
  const whole = Buffer.concat(chunks);

  beforeAll(async () => {
    discord = await discordBackend();
    stowage = await startStowage({
      config: {
        channels: [discord.channel],
        limits: { maxUploadBytes: 10_000_000 },
        uploads: { keptChunkBytes: 500_000 },
      },
    });
  });
  afterEach(() => rm(join(stowage.dataDir, 'kept-chunks'), { recursive: true, force: true }));
  afterAll(async () => {
    await stowage?.stop();
    await discord?.stop();
  });

  // Not an outage, after which the channel would be left alone for a while, and nothing that the
  // driver tries again.
  const down = (times: number) =>
    discord.emulator.faults.add(
      'POST message',
      { kind: 'status', status: 403, when: 'before' },
      times,
    );
  const up = () => {
    while (discord.emulator.faults.take('POST message') !== undefined) {}
  };
  const kept = async (): Promise<readonly string[]> => {
    const names = await readdir(join(stowage.dataDir, 'kept-chunks'), { recursive: true }).catch(
      () => [] as string[],
    );
    return names.filter((name) => /\/\d+-/.test(name));
  };
  const put = async (
    session: ChunkedUpload,
    index: number,
    bytes = chunks[index],
  ): Promise<number> => (await putChunk(stowage, session, index, bytes ?? Buffer.alloc(0))).status;
  const read = async (src: string): Promise<Buffer> =>
    Buffer.from(await (await stowage.fetch(src)).arrayBuffer());

  async function withFailed(index: number): Promise<ChunkedUpload> {
    const session = await initUpload(stowage, 3);
    down(1);
    expect(await put(session, index)).toBe(502);
    for (const other of [0, 1, 2]) {
      if (other !== index) {
        expect(await put(session, other)).toBe(200);
      }
    }
    expect(await uploadedChunks(stowage, session)).toEqual(
      [0, 1, 2].filter((other) => other !== index),
    );
    return session;
  }

  it.each([0, 1, 2])('is told at once, and stored by the merge: chunk %i', async (index) => {
    const session = await withFailed(index);
    expect(await kept()).toHaveLength(1);
    expect(await read(await srcOf(mergeUpload(stowage, session)))).toEqual(whole);
    expect(await kept()).toEqual([]);
  });

  it('is tried more than once by the merge', async () => {
    const session = await withFailed(1);
    down(3);
    expect(await read(await srcOf(mergeUpload(stowage, session)))).toEqual(whole);
  });

  it('is merged after kill -9', async () => {
    const session = await withFailed(1);
    await stowage.crash();
    expect(await read(await srcOf(mergeUpload(stowage, session)))).toEqual(whole);
  });

  it('is named when it goes on failing; the upload and the copy stay', {
    timeout: 90_000,
  }, async () => {
    const session = await withFailed(0);
    down(1000);
    const failed = await mergeUpload(stowage, session);
    expect(failed.status).toBe(500);
    expect(await failed.text()).toMatch(
      /^Error: Failed to merge chunks - Only 2\/3 chunks .*Missing chunks: 0\./,
    );
    up();
    await eventually(async () => expect((await mergeUpload(stowage, session)).status).toBe(200));
  });

  it('is let go when the upload is given up while the merge still tries', async () => {
    const session = await withFailed(0);
    down(1000);
    const tried = discord.emulator.calls.length;
    const merging = mergeUpload(stowage, session);
    await eventually(async () => expect(discord.emulator.calls.length).toBeGreaterThan(tried));
    await stowage.fetch(`/upload?cleanup=true&uploadId=${session.uploadId}&totalChunks=3`, {
      method: 'POST',
    });
    const given = await merging;
    expect([given.status, await given.text()]).toEqual([
      400,
      'Error: Invalid or expired upload session',
    ]);
    expect(await kept()).toEqual([]);
    up();
    expect((await stowage.fetch('/healthz')).status).toBe(200);
  });

  it('that the client sends again counts as the client sent it last', async () => {
    const session = await withFailed(1);
    const other = pseudoRandomBytes(50_000);
    expect(await put(session, 1, other)).toBe(200);
    expect(await kept()).toEqual([]);
    expect(await read(await srcOf(mergeUpload(stowage, session)))).toEqual(
      Buffer.concat(chunks.with(1, other)),
    );
  });

  it('whose copy was damaged is missing', async () => {
    const session = await withFailed(2);
    const [name] = await kept();
    await truncate(join(stowage.dataDir, 'kept-chunks', name ?? ''), 99_999);
    const failed = await mergeUpload(stowage, session);
    expect(await failed.text()).toContain('Missing chunks: 2.');
    expect(await kept()).toEqual([]);
    expect(await put(session, 2)).toBe(200);
    expect(await read(await srcOf(mergeUpload(stowage, session)))).toEqual(whole);
  });

  it('goes with its upload, and takes no more than its share of the disk', async () => {
    const sessions = [await withFailed(0), await withFailed(0), await withFailed(0)];
    expect(await kept()).toHaveLength(2);
    for (const { uploadId } of sessions) {
      await stowage.fetch(`/upload?cleanup=true&uploadId=${uploadId}&totalChunks=3`, {
        method: 'POST',
      });
    }
    expect(await kept()).toEqual([]);
  });
});
