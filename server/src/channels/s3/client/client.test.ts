import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../../test/services/fault-proxy.ts';
import { testSettings } from '../../../../test/services/s3-bucket.ts';
import type { ByteSource } from '../../../core/bytes.ts';
import type { Channel } from '../../../core/channel.ts';
import { streamBody } from '../../../core/streams/body.ts';
import { createS3Channel } from '../channel.ts';

const signal = new AbortController().signal;
const copyOptions = { key: 'b', contentType: 'a/b', signal };
const state = { key: 'media/a', uploadId: 'u', attempt: 't' };
let double: FaultProxy;
let channel: Channel;

beforeAll(async () => {
  double = await startFaultProxy({});
  channel = createS3Channel(testSettings({ endpoint: double.url }));
  return async () => {
    await channel.close?.();
    await double.stop();
  };
});
afterEach(() => double.clear());

const answer = (body: string, status = 200, headers = {}) =>
  double.failNext({ kind: 'answer', status, headers, body });
const finish = () =>
  channel.multipart?.finish(state, [{ number: 1, size: 5, part: { etag: '"e"' } }], { signal });
const copy = () => channel.presign?.finish?.({ ref: { key: 'media/a' }, size: 5 }, copyOptions);
const start = () => channel.multipart?.start(copyOptions);

describe('answers with a good status', () => {
  it.each([
    [
      'an error',
      '<Error><Code>InternalError</Code><Message>sorry</Message></Error>',
      'channel_unavailable',
      'InternalError (200): sorry',
    ],
    [
      'an error after blanks',
      '<?xml version="1.0"?>\n  \n<Error><Code>InternalError</Code></Error>',
      'channel_unavailable',
      'InternalError (200)',
    ],
    [
      'a call to slow down',
      '<Error><Code>SlowDown</Code></Error>',
      'channel_rate_limited',
      'SlowDown (200)',
    ],
    [
      'a precondition',
      '<Error><Code>EntityTooLarge</Code></Error>',
      'too_large',
      'EntityTooLarge (200)',
    ],
    ['nothing', '', 'channel_unavailable', 'no XML document'],
    [
      'half a document',
      '<CompleteMultipartUploadResult><ETag>"x"</ET',
      'channel_unavailable',
      'no XML document',
    ],
    [
      'a page of somebody else',
      '<html><p>Welcome<br></html>',
      'channel_unavailable',
      'no XML document',
    ],
  ])('%s is no success', async (_, body, code, words) => {
    for (const call of [finish, copy, start]) {
      answer(body);
      // Whether the object is there after all.
      double.failNext(
        { kind: 'answer', status: 404 },
        { match: ({ method }) => method === 'HEAD' },
      );
      await expect(call()).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
      double.clear();
    }
  });

  it('blanks before the document keep a connection alive and say nothing', async () => {
    answer(
      '<?xml version="1.0" encoding="UTF-8"?>   \n\n  <CompleteMultipartUploadResult xmlns="http://s3/"><ETag>"x"</ETag></CompleteMultipartUploadResult>',
    );
    expect(await finish()).toEqual({ ref: { key: 'media/a' }, size: 5 });
    answer(' \n <CompleteMultipartUploadResult/>');
    expect(await finish()).toEqual({ ref: { key: 'media/a' }, size: 5 });
  });

  it('a start without an upload id is no start', async () => {
    answer('<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>');
    await expect(start()).rejects.toMatchObject({
      code: 'channel_unavailable',
      message: 'S3 bucket photos: no upload id.',
    });
  });

  it('a part without an ETag is none', async () => {
    answer('');
    const part = channel.multipart?.part(state, 1, streamBody(bytes(5), { size: 5 }), { signal });
    await expect(part).rejects.toMatchObject({
      code: 'channel_unavailable',
      message: 'S3 bucket photos: a part has no ETag.',
    });
  });

  it.each([
    [
      'put',
      () =>
        channel.put(streamBody(bytes(20_000_000), { size: 20_000_000 }), {
          key: 'a',
          contentType: 'a/b',
          signal,
        }),
    ],
    [
      'part',
      () =>
        channel.multipart?.part(state, 1, streamBody(bytes(20_000_000), { size: 20_000_000 }), {
          signal,
        }),
    ],
  ])('%s: one that comes before the body is through stores nothing', async (_, call) => {
    double.failNext({ kind: 'answer', status: 200, early: true, headers: { etag: '"e"' } });
    await expect(call()).rejects.toMatchObject({ code: 'channel_unavailable' });
  });
});

describe('what breaks at the very end of a source', () => {
  it.each([
    [
      'an error',
      'hung up',
      async function* () {
        yield* bytes(300_000);
        throw new Error('hung up');
      },
    ],
    ['a byte too many', 'announced', () => bytes(300_001)],
  ])('%s: the service never has the whole', async (_, words, source) => {
    for (const checksums of ['WHEN_REQUIRED', 'WHEN_SUPPORTED']) {
      const own = createS3Channel(testSettings({ endpoint: double.url, checksums }));
      double.failNext({ kind: 'answer', status: 200 });
      const put = own.put(streamBody(source(), { size: 300_000 }), {
        key: 'a',
        contentType: 'a/b',
        signal,
      });
      await expect(put).rejects.toThrow(words);
      // Known of only when all of it has arrived.
      await expect.poll(() => double.seen).toMatchObject([{ method: 'PUT', body: '' }]);
      await own.close?.();
      await expect.poll(() => double.connections()).toBe(0);
      double.clear();
    }
  });
});

describe('the clock', () => {
  const dayOf = () => String(double.seen.at(-1)?.headers['x-amz-date']).slice(0, 8);
  const days = (count: number) => new Date(Date.now() + count * 86_400_000);
  const stamp = (date: Date) => date.toISOString().slice(0, 10).replaceAll('-', '');
  const remove = (own: Channel) => own.delete({ key: 'a' }, { signal });

  it('is learned from the error document where no header tells it', async () => {
    const own = createS3Channel(testSettings({ endpoint: double.url }));
    const body = `<Error><Code>RequestTimeTooSkewed</Code><ServerTime>${days(3).toISOString()}</ServerTime></Error>`;
    answer(body, 403);
    await expect(remove(own)).rejects.toThrow('clock');
    answer('', 204, { age: '1' });
    await remove(own);
    expect(dayOf()).toBe(stamp(days(3)));
    await own.close?.();
  });

  it('is not learned from what a cache answers, nor from nonsense', async () => {
    const own = createS3Channel(testSettings({ endpoint: double.url }));
    for (const headers of [
      { age: '86400', date: days(-1).toUTCString() },
      { date: 'yesterday' },
      {},
    ]) {
      answer('', 204, headers);
      await remove(own);
    }
    expect(dayOf()).toBe(stamp(days(0)));
    await own.close?.();
  });
});

it('keys go out letter for letter, also those that an address would tidy up', async () => {
  answer('', 204);
  await channel.delete({ key: "../a/./b//c d'(é)%2F?#" }, { signal });
  expect(double.seen.at(-1)?.url).toBe('/photos/../a/./b//c%20d%27%28%C3%A9%29%252F%3F%23');
});

async function* bytes(size: number): ByteSource {
  for (let sent = 0; sent < size; sent += 65_536) {
    yield Buffer.alloc(Math.min(65_536, size - sent), 'x');
  }
}
