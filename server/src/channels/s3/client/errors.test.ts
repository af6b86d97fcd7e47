import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../../test/services/fault-proxy.ts';
import { testSettings } from '../../../../test/services/s3-bucket.ts';
import type { Channel } from '../../../core/channel.ts';
import { StowageError } from '../../../core/errors.ts';
import { streamBody } from '../../../core/streams/body.ts';
import { createS3Channel } from '../channel.ts';

const signal = new AbortController().signal;
const secretAccessKey = 'canary/secret+key';
const ref = { key: 'media/a' };
let double: FaultProxy;
let channel: Channel;

beforeAll(async () => {
  double = await startFaultProxy({});
  channel = createS3Channel(
    testSettings({
      endpoint: double.url,
      secretAccessKey,
      accessKeyId: 'AKIACANARY',
      bucket: 'photos',
    }),
  );
});
afterEach(() => double.clear());
afterAll(async () => {
  await channel.close?.();
  await double.stop();
});

function script(
  status: number,
  code: string,
  { message = 'Words of the service', headers = {} } = {},
): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  double.failNext({
    kind: 'answer',
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body,
  });
}

async function failureOf(call: Promise<unknown>): Promise<StowageError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StowageError);
  return error as StowageError;
}

const remove = () => channel.delete(ref, { signal });
const read = () => channel.get(ref, { signal });

describe('answers of the service', () => {
  it.each([
    [503, 'SlowDown', 'channel_rate_limited'],
    [503, 'ServiceUnavailable', 'channel_unavailable'],
    [429, 'TooManyRequests', 'channel_rate_limited'],
    [500, 'InternalError', 'channel_unavailable'],
    [502, 'BadGateway', 'channel_unavailable'],
    [504, 'GatewayTimeout', 'channel_unavailable'],
    [400, 'RequestTimeout', 'channel_unavailable'],
    [403, 'RequestTimeTooSkewed', 'channel_unavailable'],
    [409, 'OperationAborted', 'channel_unavailable'],
    [400, 'BadDigest', 'channel_unavailable'],
    [403, 'AccessDenied', 'channel_unauthorized'],
    [403, 'SignatureDoesNotMatch', 'channel_unauthorized'],
    [403, 'InvalidAccessKeyId', 'channel_unauthorized'],
    [400, 'ExpiredToken', 'channel_unauthorized'],
    [401, 'Unauthorized', 'channel_unauthorized'],
    [404, 'NoSuchKey', 'not_found'],
    [404, 'NoSuchBucket', 'channel_refused'],
    [400, 'EntityTooLarge', 'too_large'],
    [413, 'PayloadTooLarge', 'too_large'],
    [403, 'QuotaExceeded', 'channel_full'],
    [507, 'InsufficientStorage', 'channel_full'],
    [507, 'XMinioStorageFull', 'channel_full'],
    [400, 'InvalidArgument', 'channel_refused'],
    [400, 'AuthorizationHeaderMalformed', 'channel_refused'],
    [301, 'PermanentRedirect', 'channel_refused'],
    [416, 'InvalidRange', 'range_not_satisfiable'],
    [501, 'NotImplemented', 'channel_unavailable'],
  ])('%i %s is %s', async (status, code, expected) => {
    script(status, code);
    const error = await failureOf(read());
    expect(error.code).toBe(expected);
    expect(error.message).toContain(`photos: ${code} (${status}): Words of the service`);
    expect(double.seen).toHaveLength(1);
  });

  it('says what is wrong where the code alone does not', async () => {
    script(404, 'NoSuchBucket');
    expect((await failureOf(read())).message).toContain('the bucket does not exist');
    script(403, 'RequestTimeTooSkewed');
    expect((await failureOf(read())).message).toContain('clock');
  });

  it('carries Retry-After', async () => {
    script(503, 'SlowDown', { headers: { 'retry-after': '3' } });
    expect((await failureOf(remove())).retryAfterMs).toBe(3000);
    script(503, 'SlowDown');
    expect((await failureOf(remove())).retryAfterMs).toBeUndefined();
  });

  it('understands answers without a body or with one of somebody else', async () => {
    double.failNext({ kind: 'answer', status: 403 });
    expect(
      await failureOf(channel.presign?.head(ref, { signal }) as Promise<unknown>),
    ).toMatchObject({
      code: 'channel_unauthorized',
      message: 'S3 bucket photos: (403)',
    });
    double.failNext({
      kind: 'answer',
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<html><p>Bad<br>Gateway</html>',
    });
    expect((await failureOf(read())).code).toBe('channel_unavailable');
    double.failNext({
      kind: 'answer',
      status: 404,
      headers: { 'content-type': 'text/plain' },
      body: 'nothing & nobody <',
    });
    expect((await failureOf(read())).code).toBe('not_found');
  });

  it('shows no secret, trims, and keeps no request', async () => {
    const message = `key ${secretAccessKey} of AKIACANARY &#10;${'long '.repeat(500)}`;
    script(403, 'AccessDenied', { message });
    const error = await failureOf(read());
    const everything = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
    expect(everything).not.toContain(secretAccessKey);
    expect(everything).not.toContain('AKIACANARY');
    expect(error.message.length).toBeLessThan(400);
    expect(error.message).not.toContain('\n');
  });

  it('a missing object is gone already for delete and nothing for head', async () => {
    script(404, 'NoSuchKey');
    await channel.delete(ref, { signal });
    double.failNext({ kind: 'answer', status: 404 });
    expect(await channel.presign?.head(ref, { signal })).toBeUndefined();
  });
});

describe('the network', () => {
  it('a reset and a refused connection are channel_unavailable', async () => {
    double.failNext({ kind: 'reset', requestBytes: -1 });
    expect(
      (
        await failureOf(
          channel.put(streamBody(bytes(10), { size: 10 }), {
            key: 'a',
            contentType: 'a/b',
            signal: AbortSignal.timeout(5000),
          }),
        )
      ).code,
    ).toBe('channel_unavailable');
    const nobody = createS3Channel(testSettings({ endpoint: 'http://127.0.0.1:9' }));
    expect(await failureOf(nobody.get(ref, { signal }))).toMatchObject({
      code: 'channel_unavailable',
    });
  });

  it('an abort rejects with its reason', async () => {
    double.failNext({ kind: 'delay', ms: 2000 });
    const controller = new AbortController();
    const reason = new Error('the caller left');
    const call = channel.get(ref, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(call).rejects.toBe(reason);
  });
});

it('a ref of another driver is not found', async () => {
  for (const odd of [null, 'media/a', { path: 'x' }, { key: 7 }]) {
    expect((await failureOf(channel.get(odd, { signal }))).code).toBe('not_found');
  }
});

async function* bytes(size: number): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(size, 'x');
}
