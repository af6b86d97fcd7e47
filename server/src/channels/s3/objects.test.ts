import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../test/services/fault-proxy.ts';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket, testSettings } from '../../../test/services/s3-bucket.ts';
import { storeSpooled } from '../../../test/store-spooled.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Ref } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { createS3Channel } from './channel.ts';

const signal = new AbortController().signal;

async function* of(body: Uint8Array): ByteSource {
  yield body;
}

describe.skipIf(s3Missing !== undefined)('objects on radosgw', () => {
  let service: S3Service;
  let bucket: Awaited<ReturnType<typeof openTestBucket>>;
  beforeAll(async () => {
    service = await startS3();
    bucket = await openTestBucket(service);
  });
  afterAll(async () => {
    await bucket?.channel.close?.();
    bucket?.destroy();
    await service?.stop();
  });

  const read = async (ref: Ref) =>
    Buffer.concat(await Array.fromAsync((await bucket.channel.get(ref, { signal })).stream));

  it('copies inside the bucket, also keys that need escaping', async () => {
    const body = randomBytes(5000);
    const { ref } = await bucket.channel.put(streamBody(of(body), { size: 5000 }), {
      key: 'a+b & c%20.png',
      contentType: 'image/png',
      signal,
    });
    const copyTo = (key: string) =>
      bucket.channel.presign?.finish?.(
        { ref, size: 5000 },
        { key, contentType: 'image/png', signal },
      );
    const copy = (await copyTo('copies/a'))?.ref ?? null;
    expect(copy).toEqual(bucket.channel.locate?.('copies/a'));
    await bucket.channel.delete(ref, { signal });
    expect(await read(copy)).toEqual(body);
    await expect(copyTo('copies/b')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('a bucket that is not there is said plainly', async () => {
    const { endpoint, accessKeyId, secretAccessKey } = service;
    const channel = createS3Channel(
      testSettings({ endpoint, accessKeyId, secretAccessKey, bucket: 'nobody-made-this' }),
    );
    await expect(channel.check({ signal })).rejects.toMatchObject({
      code: 'channel_refused',
      message: expect.stringContaining('the bucket does not exist'),
    });
  });

  it('a wrong key is said plainly', async () => {
    const { endpoint, accessKeyId } = service;
    const channel = createS3Channel(
      testSettings({ endpoint, accessKeyId, secretAccessKey: 'wrong', bucket: bucket.bucket }),
    );
    await expect(channel.check({ signal })).rejects.toThrow(
      /cannot write.*SignatureDoesNotMatch.*check the secret access key/,
    );
  });

  it('a SHA-256 that does not fit the body is refused by the service', async () => {
    const put = bucket.channel.put(
      streamBody(of(randomBytes(10)), { size: 10, sha256: '0'.repeat(64) }),
      {
        key: 'bad',
        contentType: 'a/b',
        signal,
      },
    );
    await expect(put).rejects.toMatchObject({ code: 'channel_unavailable' });
    await expect(bucket.channel.get({ key: 'media/bad' }, { signal })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('a body larger than an object may be is refused before it is sent', async () => {
    const put = bucket.channel.put(streamBody(of(randomBytes(10)), { size: 2 ** 45 }), {
      key: 'huge',
      contentType: 'a/b',
      signal,
    });
    await expect(put).rejects.toMatchObject({ code: 'too_large' });
  });
});

describe('sockets', () => {
  let double: FaultProxy;
  beforeAll(async () => {
    double = await startFaultProxy({});
    return () => double.stop();
  });

  it('are kept for the next call, also after a body was read and after errors', async () => {
    const channel = createS3Channel(testSettings({ endpoint: double.url }));
    for (let times = 0; times < 3; times++) {
      double.failNext({ kind: 'answer', status: 200, headers: { etag: '"e"' } });
      await channel.put(streamBody(of(Buffer.alloc(200_000)), { size: 200_000 }), {
        key: 'a',
        contentType: 'a/b',
        signal,
      });
      double.failNext({
        kind: 'answer',
        status: 200,
        headers: { 'content-length': '5' },
        body: 'hello',
      });
      await Array.fromAsync((await channel.get({ key: 'a' }, { signal })).stream);
      double.failNext({
        kind: 'answer',
        status: 403,
        body: '<Error><Code>AccessDenied</Code></Error>',
      });
      await expect(channel.delete({ key: 'a' }, { signal })).rejects.toThrow('AccessDenied');
    }
    expect(new Set(double.seen.map(({ port }) => port)).size).toBe(1);
    await channel.close?.();
    await expect.poll(() => double.connections()).toBe(0);
  });

  it.each([
    ['one PUT', 20_000_000, 0],
    // The one that the upload was aborted on stays open.
    ['a part', undefined, 1],
  ])('are closed when an answer comes before the body is through: %s', async (_, size, open) => {
    const channel = createS3Channel(testSettings({ endpoint: double.url, concurrency: 1 }));
    const started = { kind: 'answer', status: 200, body: '<R><UploadId>u</UploadId></R>' } as const;
    double.failNext(started, { match: ({ method }) => method === 'POST' });
    double.failNext(
      { kind: 'answer', status: 403, early: true, headers: { connection: 'keep-alive' } },
      { match: ({ method }) => method === 'PUT' },
    );
    double.failNext(
      { kind: 'answer', status: 204 },
      { match: ({ method }) => method === 'DELETE' },
    );
    const stored = storeSpooled(channel, of(Buffer.alloc(20_000_000)), {
      key: 'a',
      contentType: 'a/b',
      size,
      signal,
    });
    await expect(stored).rejects.toMatchObject({ code: 'channel_unauthorized' });
    await expect.poll(() => double.connections()).toBe(open);
    await channel.close?.();
  });
});
