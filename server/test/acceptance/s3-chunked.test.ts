import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../services/fault-proxy.ts';
import { s3Missing } from '../services/s3.ts';
import { objectsIn, openMultiparts, s3Backends } from './backends.ts';
import { type BigFile, big, sha256Of, slice, videoFile } from './big-file.ts';
import {
  type ChunkedUpload,
  initUpload,
  mergeUpload,
  putChunk,
  shuffled,
  uploadedChunks,
} from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { eventually, srcOf, upload } from './requests.ts';

const mebibyte = 2 ** 20;
const parallel = 6;
const query = '&uploadChannel=s3&autoRetry=false';

describe.skipIf(s3Missing)(`chunks to S3${s3Missing ? ` (${s3Missing})` : ''}`, () => {
  let folder: string;
  let s3: Awaited<ReturnType<typeof s3Backends>>;
  let proxy: FaultProxy;
  let stowage: Stowage;
  let user: CurlUser;
  let video: BigFile;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-s3-chunked-'));
    video = await videoFile(folder, (big ? 1024 : 64) * mebibyte - 1111);
    s3 = await s3Backends();
    proxy = await startFaultProxy({ target: s3.service.endpoint });
    const channel = { ...s3.backends[0]?.channel, endpoint: proxy.url };
    const dead = { ...channel, name: 'dead', endpoint: 'http://127.0.0.1:1' };
    stowage = await startStowage({ config: { channels: [channel, dead, { type: 'local' }] } });
    user = curlUser(stowage, folder);
  });

  afterAll(async () => {
    await stowage?.stop();
    await proxy?.stop();
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    proxy.clear();
    const { media } = JSON.parse((await user.call('/media?limit=100')).text).data;
    for (const { id } of media) {
      await user.call(`/media/${id}`, '-X', 'DELETE');
    }
    await eventually(async () => expect(await inBucket()).toEqual({ objects: [], multiparts: [] }));
  });

  async function inBucket() {
    const bucket = s3.bucketOf('s3');
    return {
      objects: (await objectsIn(s3.client, bucket)).map(({ size }) => size),
      multiparts: await openMultiparts(s3.client, bucket),
    };
  }

  /** A small last chunk that came first has been an object of its own until the merge. */
  function oneObject({ sizeBytes }: BigFile): Promise<void> {
    return eventually(async () =>
      expect(await inBucket()).toEqual({ objects: [sizeBytes], multiparts: [] }),
    );
  }

  function chunkCount(chunkBytes: number, file = video): number {
    return Math.ceil(file.sizeBytes / chunkBytes);
  }

  async function send(
    session: ChunkedUpload,
    index: number,
    chunkBytes: number,
    file = video,
  ): Promise<void> {
    const start = index * chunkBytes;
    const bytes = await slice(file.path, start, Math.min(start + chunkBytes, file.sizeBytes) - 1);
    const response = await putChunk(stowage, session, index, bytes, { query });
    if (response.status !== 200) {
      throw new Error(`${response.status}: ${await response.text()}`);
    }
    await response.arrayBuffer();
  }

  /**
   * `parallel` at once, in the order given. Resolves when each was tried, with those that failed.
   */
  async function sendAll(
    indexes: readonly number[],
    work: (index: number) => Promise<void>,
  ): Promise<readonly number[]> {
    const queue = [...indexes];
    const failed: number[] = [];
    const worker = async (): Promise<void> => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const at = index;
        await work(at).catch(() => failed.push(at));
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return failed;
  }

  async function expectFile(
    src: string,
    file = video,
    borders: readonly number[] = [],
  ): Promise<void> {
    const to = join(folder, 'back');
    expect((await user.download(src, to)).status).toBe(200);
    expect(await sha256Of(to)).toBe(file.sha256);
    for (const border of [1000, ...borders, file.sizeBytes - 1000]) {
      const { status, bytes } = await user.range(src, `${border - 500}-${border + 499}`);
      expect(status).toBe(206);
      expect(bytes.equals(await slice(file.path, border - 500, border + 499))).toBe(true);
    }
  }

  it.each([5, 8])(
    'of %i MiB, six at once in any order, the gateway killed in the middle: one object, equal bytes',
    async (mebibytes) => {
      const chunkBytes = mebibytes * mebibyte;
      const total = chunkCount(chunkBytes);
      const session = await initUpload(stowage, total, {
        name: 'video.mp4',
        type: 'video/mp4',
        query,
      });
      // the last one, which may be smaller than a part of S3 may be, among the first
      const order = [
        total - 1,
        ...shuffled(Array.from({ length: total - 1 }, (_, index) => index)),
      ];
      let done = 0;
      let crash: Promise<void> | undefined;
      await sendAll(order, async (index) => {
        if (crash !== undefined) {
          throw new Error('the server is down');
        }
        await send(session, index, chunkBytes);
        done += 1;
        // others are on their way right now
        if (done === Math.floor(total / 2)) {
          crash = stowage.crash();
        }
      });
      await crash;

      const there = await uploadedChunks(stowage, session);
      expect(there.length).toBeGreaterThanOrEqual(Math.floor(total / 2));
      const missing = shuffled(order.filter((index) => !there.includes(index)));
      expect(missing.length).toBeGreaterThan(0);
      expect(await sendAll(missing, (index) => send(session, index, chunkBytes))).toEqual([]);
      const src = await srcOf(mergeUpload(stowage, session, { query }));
      await oneObject(video);
      await expectFile(src, video, [chunkBytes, 2 * chunkBytes]);
      expect(await srcOf(mergeUpload(stowage, session, { query }))).toBe(src);
    },
    120_000,
  );

  it('of 1 MiB, too small for parts of S3, become objects that the file is read from', async () => {
    const small = await videoFile(folder, 10 * mebibyte + 5, 'small.mp4');
    const total = chunkCount(mebibyte, small);
    const session = await initUpload(stowage, total, {
      name: 'small.mp4',
      type: 'video/mp4',
      query,
    });
    // the last chunk of a file may have any size: it says nothing about the others
    const order = [total - 1, ...shuffled(Array.from({ length: total - 1 }, (_, index) => index))];
    expect(await sendAll(order, (index) => send(session, index, mebibyte, small))).toEqual([]);
    const src = await srcOf(mergeUpload(stowage, session, { query }));
    const { objects, multiparts } = await inBucket();
    expect(objects).toHaveLength(total);
    expect(multiparts).toEqual([]);
    await expectFile(src, small, [mebibyte, 5 * mebibyte]);
  });

  it('that are given up leave neither objects nor an open multipart upload', async () => {
    const session = await initUpload(stowage, 5, { name: 'video.mp4', query });
    await Promise.all([1, 0, 3].map((index) => send(session, index, 5 * mebibyte)));
    expect((await inBucket()).multiparts).toHaveLength(1);
    const answer = await stowage.fetch(
      `/upload?cleanup=true&uploadId=${session.uploadId}&totalChunks=5`,
    );
    expect(answer.status).toBe(200);
    await eventually(async () => expect(await inBucket()).toEqual({ objects: [], multiparts: [] }));
  });

  it('sent again while others are sent, chunk 0 too, change nothing', async () => {
    const small = await videoFile(folder, 18 * mebibyte, 'again.mp4');
    const session = await initUpload(stowage, 4, { name: 'again.mp4', query });
    expect(
      await sendAll([0, 2, 0, 1, 0, 3, 2, 0, 3], (index) =>
        send(session, index, 5 * mebibyte, small),
      ),
    ).toEqual([]);
    const src = await srcOf(mergeUpload(stowage, session, { query }));
    await oneObject(small);
    await expectFile(src, small);
  });

  describe('through a bad line', () => {
    const isPart = ({ method, url }: SeenRequest): boolean =>
      method === 'PUT' && url.includes('partNumber=');
    const isFinish = ({ method, url }: SeenRequest): boolean =>
      method === 'POST' && url.includes('uploadId=');
    let file: BigFile;

    beforeAll(async () => {
      file = await videoFile(folder, 16 * mebibyte, 'faults.mp4');
    });

    async function through(): Promise<string> {
      const session = await initUpload(stowage, 4, { name: 'faults.mp4', query });
      expect(
        await sendAll(shuffled([0, 1, 2, 3]), (index) => send(session, index, 5 * mebibyte, file)),
      ).toEqual([]);
      return srcOf(mergeUpload(stowage, session, { query }));
    }

    it.each([
      ['500', { kind: 'answer', status: 500 }],
      [
        '503 SlowDown',
        { kind: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' },
      ],
      ['500 after storing', { kind: 'answer', status: 500, forward: true }],
      ['a reset in the middle of a part', { kind: 'reset', requestBytes: 2 * mebibyte }],
      ['a lost answer', { kind: 'reset', answerBytes: 0 }],
      ['a second of silence', { kind: 'delay', ms: 1000 }],
    ] as const)('parts survive %s', async (_, fault) => {
      proxy.failNext(fault, { times: 3, match: isPart });
      await expectFile(await through(), file, [5 * mebibyte]);
      await oneObject(file);
    });

    it.each([
      ['500', { kind: 'answer', status: 500 }],
      ['503', { kind: 'answer', status: 503 }],
      ['500 after the object was made', { kind: 'answer', status: 500, forward: true }],
      ['a lost answer', { kind: 'reset', answerBytes: 0 }],
      [
        '200 with an error inside',
        { kind: 'answer', status: 200, body: '<Error><Code>InternalError</Code></Error>' },
      ],
    ] as const)('a merge survives %s', async (_, fault) => {
      proxy.failNext(fault, { times: 2, match: isFinish });
      await expectFile(await through(), file);
      await oneObject(file);
    });

    it('a part that failed for good is stored by the merge', async () => {
      const session = await initUpload(stowage, 4, { name: 'faults.mp4', query });
      proxy.failNext({ kind: 'answer', status: 500 }, { times: 100, match: isPart });
      await expect(send(session, 1, 5 * mebibyte, file)).rejects.toThrow(/^502/);
      proxy.clear();
      expect(await sendAll([3, 2, 0], (index) => send(session, index, 5 * mebibyte, file))).toEqual(
        [],
      );
      await expectFile(await srcOf(mergeUpload(stowage, session, { query })), file, [5 * mebibyte]);
      await oneObject(file);
    });

    it('an object that the store finished, but whose merge failed, goes with the upload', async () => {
      const denied = {
        kind: 'answer',
        status: 403,
        forward: true,
        body: '<Error><Code>AccessDenied</Code></Error>',
      } as const;
      proxy.failNext(denied, { times: 100, match: isFinish });
      const session = await initUpload(stowage, 4, { name: 'faults.mp4', query });
      expect(
        await sendAll([0, 1, 2, 3], (index) => send(session, index, 5 * mebibyte, file)),
      ).toEqual([]);
      expect((await mergeUpload(stowage, session, { query })).status).toBeGreaterThanOrEqual(500);
      expect((await inBucket()).objects).toContain(file.sizeBytes);
      proxy.clear();
      await stowage.fetch(`/upload?cleanup=true&uploadId=${session.uploadId}&totalChunks=4`, {
        method: 'POST',
      });
      await eventually(async () =>
        expect(await inBucket()).toEqual({ objects: [], multiparts: [] }),
      );
    });

    it('an upload that is given up while it is merged is a file, or nothing', async () => {
      for (const delayMs of [0, 5, 10, 20, 40]) {
        const session = await initUpload(stowage, 4, { name: 'faults.mp4', query });
        expect(
          await sendAll([0, 1, 2, 3], (index) => send(session, index, 5 * mebibyte, file)),
        ).toEqual([]);
        const merging = mergeUpload(stowage, session, { query });
        await delay(delayMs);
        await stowage.fetch(`/upload?cleanup=true&uploadId=${session.uploadId}&totalChunks=4`, {
          method: 'POST',
        });
        const merged = await merging;
        if (merged.status === 200) {
          await expectFile(await srcOf(merged), file);
        } else {
          expect(await merged.text()).toBe('Error: Invalid or expired upload session');
        }
      }
    });

    it('chunks of an upload that the store did not even begin are stored by the merge', async () => {
      const even = await videoFile(folder, 15 * mebibyte, 'even.mp4');
      const session = await initUpload(stowage, 3, { name: 'even.mp4', query });
      const denied = {
        kind: 'answer',
        status: 403,
        body: '<Error><Code>AccessDenied</Code></Error>',
      } as const;
      proxy.failNext(denied, {
        times: 100,
        match: ({ method, url }) => method === 'POST' && url.includes('uploads'),
      });
      const sent = await Promise.allSettled(
        [0, 1, 2].map((index) => send(session, index, 5 * mebibyte, even)),
      );
      expect(sent.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      proxy.clear();
      await expectFile(await srcOf(mergeUpload(stowage, session, { query })), even, [5 * mebibyte]);
      await oneObject(even);
    });

    it('a merge that fails for good keeps the upload; later it succeeds', {
      timeout: 60_000,
    }, async () => {
      proxy.failNext(
        { kind: 'answer', status: 403, body: '<Error><Code>AccessDenied</Code></Error>' },
        { times: 100, match: isFinish },
      );
      const session = await initUpload(stowage, 4, { name: 'faults.mp4', query });
      expect(
        await sendAll([3, 2, 1, 0], (index) => send(session, index, 5 * mebibyte, file)),
      ).toEqual([]);
      const failed = await mergeUpload(stowage, session, { query });
      expect(failed.status).toBeGreaterThanOrEqual(500);
      expect(await failed.text()).toMatch(/^Error: Failed to merge chunks - .*AccessDenied/);
      proxy.clear();
      await expectFile(await srcOf(mergeUpload(stowage, session, { query })), file);
    });
  });

  describe('a channel that is down', () => {
    it('is replaced by the next one with the same bytes, soon', async () => {
      const startedAt = performance.now();
      const src = await user.upload('uploadChannel=s3&channelName=dead', {
        path: video.path,
        type: 'video/mp4',
      });
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      await expectFile(src);
      expect((await inBucket()).objects).toEqual([]);
    });

    it('is not waited for by those who come after', async () => {
      const send = () => upload(stowage, '?uploadChannel=s3&channelName=dead', { bytes: 'small' });
      await srcOf(send());
      const startedAt = performance.now();
      const sources = await Promise.all(Array.from({ length: 20 }, () => srcOf(send())));
      expect(new Set(sources).size).toBe(20);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    it('is told by its own words when nothing else may be tried', async () => {
      const response = await upload(stowage, '?uploadChannel=s3&channelName=dead&autoRetry=false', {
        bytes: 'x',
      });
      expect(response.status).toBe(500);
      expect(await response.text()).toMatch(/^Error: Failed to upload to S3 - /);
    });
  });
});
