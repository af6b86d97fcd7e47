import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type FaultProxy,
  type SeenRequest,
  startFaultProxy,
} from '../../../test/services/fault-proxy.ts';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket } from '../../../test/services/s3-bucket.ts';
import { storeSpooled } from '../../../test/store-spooled.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Ref } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import { streamBody } from '../../core/streams/body.ts';

const mebibyte = 2 ** 20;
const signal = new AbortController().signal;
const error500 = {
  kind: 'answer',
  status: 500,
  body: '<Error><Code>InternalError</Code></Error>',
} as const;
const slowDown = {
  kind: 'answer',
  status: 503,
  body: '<Error><Code>SlowDown</Code></Error>',
} as const;

const isPart = ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('partNumber=');
const isFinish = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=');
const isPut = ({ method, url }: SeenRequest) => method === 'PUT' && !url.includes('partNumber=');

describe.skipIf(s3Missing !== undefined)('S3 behind a bad network', () => {
  let service: S3Service;
  let proxy: FaultProxy;
  let bucket: Awaited<ReturnType<typeof openTestBucket>>;
  let keys = 0;

  beforeAll(async () => {
    service = await startS3();
    proxy = await startFaultProxy({ target: service.endpoint });
    bucket = await openTestBucket(service, { endpoint: proxy.url, partSizeBytes: 5 * mebibyte });
  });
  afterEach(() => proxy.clear());
  afterAll(async () => {
    await bucket?.channel.close?.();
    bucket?.destroy();
    await proxy?.stop();
    await service?.stop();
  });

  const options = () => ({ key: `k${++keys}`, contentType: 'image/png', signal });
  const put = (body: Buffer) =>
    bucket.channel.put(streamBody(chunksOf(body), { size: body.length }), options());
  const store = async (body: Buffer): Promise<{ readonly ref: Ref; readonly size: number }> => {
    const { segments } = await storeSpooled(bucket.channel, chunksOf(body), options());
    expect(segments).toHaveLength(1);
    return segments[0] ?? { ref: null, size: 0 };
  };
  const count = (match: (request: SeenRequest) => boolean) => proxy.seen.filter(match).length;

  async function expectStored(ref: Ref, body: Buffer): Promise<void> {
    const { stream } = await bucket.channel.get(ref, { signal });
    const hash = createHash('sha256');
    for await (const chunk of stream) {
      hash.update(chunk);
    }
    expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
  }

  async function expectFailure(call: () => Promise<unknown>, code: string): Promise<void> {
    const before = await bucket.objects();
    await expect(call()).rejects.toMatchObject({ code });
    expect(await bucket.objects()).toBe(before);
  }

  describe.each([
    ['small', 1000],
    ['streamed', 2 * mebibyte],
  ])('one PUT, %s', (_, size) => {
    it.each([
      ['a 500', { ...error500, forward: true }],
      ['a lost answer', { kind: 'reset', answerBytes: 0 }],
    ] as const)('%s after storing is no failure and no second object', async (_name, fault) => {
      const body = randomBytes(size);
      const before = await bucket.objects();
      proxy.failNext(fault, { match: isPut });
      const { ref } = await put(body);
      expect(count(isPut)).toBe(1);
      expect(await bucket.objects()).toBe(before + 1);
      await expectStored(ref, body);
    });

    it.each([
      ['a 500', error500, 'channel_unavailable'],
      ['a 503', slowDown, 'channel_rate_limited'],
      ['a reset in the body', { kind: 'reset', requestBytes: 100 }, 'channel_unavailable'],
    ] as const)('%s before storing is an error and leaves nothing', async (_name, fault, code) => {
      proxy.failNext(fault, { match: isPut });
      await expectFailure(() => put(randomBytes(size)), code);
    });

    it('an abort while the service is silent leaves nothing, though it stored the bytes', async () => {
      const controller = new AbortController();
      proxy.failNext({ kind: 'hang' }, { match: isPut });
      const before = await bucket.objects();
      const body = randomBytes(size);
      const call = bucket.channel.put(streamBody(chunksOf(body), { size }), {
        key: `k${++keys}`,
        contentType: 'image/png',
        signal: controller.signal,
      });
      await expect.poll(() => bucket.objects()).toBe(before + 1);
      controller.abort(new Error('left'));
      await expect(call).rejects.toThrow('left');
      expect(await bucket.objects()).toBe(before);
    });
  });

  it('clean-up after an aborted try never removes what the next try with the same key stores', async () => {
    const body = randomBytes(1000);
    const controller = new AbortController();
    const same = { key: `k${++keys}`, contentType: 'image/png' };
    const before = await bucket.objects();
    proxy.failNext({ kind: 'hang' }, { match: isPut });
    proxy.failNext({ kind: 'delay', ms: 300 }, { match: ({ method }) => method === 'DELETE' });
    const sized = () => streamBody(chunksOf(body), { size: body.length });
    const first = bucket.channel.put(sized(), { ...same, signal: controller.signal });
    await expect.poll(() => bucket.objects()).toBe(before + 1);
    controller.abort();
    // As core does, whose guard does not wait for the driver to clear up.
    const second = bucket.channel.put(sized(), { ...same, signal });
    await expect(first).rejects.toThrow();
    await expectStored((await second).ref, body);
    expect(count(({ method }) => method === 'DELETE')).toBe(1);
  });

  describe('parts of a large body of unknown size', () => {
    const body = randomBytes(12 * mebibyte + 5);

    it.each([
      ['500', error500],
      ['503 with Retry-After', { ...slowDown, headers: { 'retry-after': '0.1' } }],
      ['500 after storing', { ...error500, forward: true }],
      ['a reset in the body', { kind: 'reset', requestBytes: 3_000_000 }],
      ['a lost answer', { kind: 'reset', answerBytes: 0 }],
    ] as const)('%s: the part is sent again', async (_name, fault) => {
      proxy.failNext(fault, { match: isPart, times: 2 });
      const { ref, size } = await store(body);
      expect(size).toBe(body.length);
      expect(count(isPart)).toBe(5);
      await expectStored(ref, body);
    });

    it.each([
      ['500 after storing', { ...error500, forward: true }],
      ['a lost answer', { kind: 'reset', answerBytes: 0 }],
      ['500 before', error500],
    ] as const)('%s for the last call still gives one object', async (_name, fault) => {
      proxy.failNext(fault, { match: isFinish });
      const { ref } = await store(body);
      await expectStored(ref, body);
    });

    it('a part that cannot be stored fails the upload and removes the others', async () => {
      proxy.failNext(error500, { match: ({ url }) => url.includes('partNumber=2&'), times: 99 });
      await expectFailure(() => store(body), 'channel_unavailable');
      proxy.clear();
      await expectStored((await store(body)).ref, body);
    });

    it('a refused part fails at once', async () => {
      proxy.failNext(
        { kind: 'answer', status: 403, body: '<Error><Code>AccessDenied</Code></Error>' },
        { match: isPart },
      );
      await expectFailure(() => store(body), 'channel_unauthorized');
    });

    it('an upload that cannot be started leaves nothing', async () => {
      proxy.failNext({ kind: 'answer', status: 507 }, { match: ({ method }) => method === 'POST' });
      await expectFailure(() => store(body), 'channel_full');
    });
  });

  it('multipart: a lost answer to finish is repaired by finishing again', async () => {
    const { multipart } = bucket.channel;
    if (multipart === undefined) {
      throw new Error('no multipart');
    }
    const body = randomBytes(1000);
    const state = await multipart.start({ key: `k${++keys}`, contentType: 'a/b', signal });
    const part = await multipart.part(state, 1, streamBody(chunksOf(body), { size: body.length }), {
      signal,
    });
    const parts = [{ number: 1, part, size: body.length }];
    proxy.failNext({ kind: 'reset', answerBytes: 0 }, { match: isFinish });
    proxy.failNext(error500, { match: ({ method }) => method === 'HEAD', times: 9 });
    await expect(multipart.finish(state, parts, { signal })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    proxy.clear();
    const { ref, size } = await multipart.finish(state, parts, { signal });
    expect(size).toBe(1000);
    await expectStored(ref, body);
  });

  it('multipart: finish of an aborted upload fails, another object at the key does not count', async () => {
    const { multipart } = bucket.channel;
    if (multipart === undefined) {
      throw new Error('no multipart');
    }
    const body = randomBytes(1000);
    const state = await multipart.start({ key: 'same', contentType: 'a/b', signal });
    const part = await multipart.part(state, 1, streamBody(chunksOf(body), { size: body.length }), {
      signal,
    });
    await multipart.abort(state, { signal });
    await bucket.channel.put(streamBody(chunksOf(body), { size: 1000 }), {
      key: 'same',
      contentType: 'a/b',
      signal,
    });
    const finish = multipart.finish(state, [{ number: 1, part, size: 1000 }], { signal });
    // radosgw answers 500 "already in progress" here, others NoSuchUpload.
    await expect(finish).rejects.toMatchObject({ name: 'StowageError' });
  });

  it('a read that breaks midway is channel_unavailable, not a short file', async () => {
    const body = randomBytes(3 * mebibyte);
    const { ref } = await put(body);
    proxy.failNext(
      { kind: 'reset', answerBytes: mebibyte },
      { match: ({ method }) => method === 'GET' },
    );
    const { stream, size } = await bucket.channel.get(ref, { signal });
    expect(size).toBe(body.length);
    await expect(Array.fromAsync(stream)).rejects.toSatisfy((error) =>
      isStowageError(error, 'channel_unavailable'),
    );
  });

  it('a slow read can be aborted', async () => {
    const { ref } = await put(randomBytes(3 * mebibyte));
    proxy.failNext(
      { kind: 'throttle', bytesPerSecond: 200_000 },
      { match: ({ method }) => method === 'GET' },
    );
    const controller = new AbortController();
    const { stream } = await bucket.channel.get(ref, { signal: controller.signal });
    const read = (async () => {
      for await (const _ of stream) {
        controller.abort(new Error('left'));
      }
    })();
    await expect(read).rejects.toThrow('left');
  });

  it('check tells what fails', async () => {
    const denied = {
      kind: 'answer',
      status: 403,
      body: '<Error><Code>AccessDenied</Code></Error>',
    } as const;
    proxy.failNext(denied, { match: isPut });
    await expect(bucket.channel.check({ signal })).rejects.toThrow('cannot write');
    proxy.failNext(denied, { match: ({ method }) => method === 'GET' });
    await expect(bucket.channel.check({ signal })).rejects.toThrow('write but not read');
    proxy.failNext(denied, { match: ({ method }) => method === 'DELETE' });
    await expect(bucket.channel.check({ signal })).rejects.toThrow('write but not delete');
  });
});

async function* chunksOf(body: Buffer): ByteSource {
  for (let start = 0; start < body.length; start += 65_536) {
    yield body.subarray(start, start + 65_536);
  }
}
