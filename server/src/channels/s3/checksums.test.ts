import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type FaultProxy,
  type SeenRequest,
  startFaultProxy,
} from '../../../test/services/fault-proxy.ts';
import { testSettings } from '../../../test/services/s3-bucket.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Channel } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { createS3Channel } from './channel.ts';

const signal = new AbortController().signal;
const ok = {
  kind: 'answer',
  status: 200,
  headers: { etag: '"e1"', 'x-amz-checksum-crc32': 'AAAAAA==' },
} as const;
let double: FaultProxy;

beforeAll(async () => {
  double = await startFaultProxy({});
  return () => double.stop();
});
afterEach(() => double.clear());

async function seen(channel: Channel, size: number, sha256?: string): Promise<SeenRequest> {
  double.failNext(ok);
  await channel.put(streamBody(bytes(size), { size, sha256 }), {
    key: 'a',
    contentType: 'a/b',
    signal,
  });
  return double.seen.at(-1) as SeenRequest;
}

async function* bytes(size: number): ByteSource {
  for (let sent = 0; sent < size; sent += 65_536) {
    yield Buffer.alloc(Math.min(65_536, size - sent), 'x');
  }
}

const sha256 = createHash('sha256').update(Buffer.alloc(300_000, 'x')).digest();

describe('WHEN_REQUIRED', () => {
  const open = () => createS3Channel(testSettings({ endpoint: double.url }));

  it.each([10, 300_000])(
    '%i bytes go out with their length, without checksum or chunk framing',
    async (size) => {
      const { headers } = await seen(open(), size);
      expect(headers['content-length']).toBe(String(size));
      expect(headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
      expect(headers['content-encoding']).toBeUndefined();
      expect(
        Object.keys(headers).filter((name) => /checksum|trailer|md5|^expect$/.test(name)),
      ).toEqual([]);
      expect(headers['user-agent']).toContain('stowage');
    },
  );

  it('a known SHA-256 is signed, so that the service checks the body', async () => {
    const { headers } = await seen(open(), 300_000, sha256.toString('hex'));
    expect(headers['x-amz-content-sha256']).toBe(sha256.toString('hex'));
  });

  it('multipart asks for no checksum', async () => {
    double.failNext({
      ...ok,
      body: '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
    });
    double.failNext(ok);
    const multipart = open().multipart;
    const state = await multipart?.start({ key: 'a', contentType: 'a/b', signal });
    await multipart?.part(state ?? null, 1, streamBody(bytes(5), { size: 5 }), { signal });
    expect(double.seen[0]?.headers['x-amz-checksum-algorithm']).toBeUndefined();
    expect(double.seen[1]?.headers).toMatchObject({
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'content-length': '5',
    });
  });
});

describe('WHEN_SUPPORTED', () => {
  const settings = {
    checksums: 'WHEN_SUPPORTED',
    storageClass: 'STANDARD_IA',
    serverSideEncryption: 'AES256',
  };
  const open = () => createS3Channel(testSettings({ endpoint: double.url, ...settings }));

  it('bytes in memory go with their CRC-32, streams with a trailer', async () => {
    const channel = open();
    expect((await seen(channel, 10)).headers['x-amz-checksum-crc32']).toMatch(/^.{6}==$/);
    const { headers } = await seen(channel, 300_000);
    expect(headers).toMatchObject({
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'x-amz-decoded-content-length': '300000',
    });
  });

  it('a known SHA-256 takes its place', async () => {
    const { headers } = await seen(open(), 300_000, sha256.toString('hex'));
    expect(headers['x-amz-checksum-sha256']).toBe(sha256.toString('base64'));
    expect(headers['x-amz-trailer']).toBeUndefined();
    expect(headers['content-length']).toBe('300000');
  });

  it('storage class and encryption go with the object', async () => {
    const { headers } = await seen(open(), 10);
    expect(headers).toMatchObject({
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'AES256',
    });
  });

  it('finish names the checksum of every part, as Amazon asks for then, in ascending order', async () => {
    const parts = [2, 1].map((number) => ({
      number,
      size: 5,
      part: { etag: `"e${number}"`, crc32: 'AAAAAA==' },
    }));
    double.failNext({
      ...ok,
      body: '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>',
    });
    const state = { key: 'media/a', uploadId: 'u', attempt: 't' };
    expect(await open().multipart?.finish(state, parts, { signal })).toEqual({
      ref: { key: 'media/a' },
      size: 10,
    });
    const { body } = double.seen.at(-1) as SeenRequest;
    expect(body.match(/<PartNumber>\d/g)).toEqual(['<PartNumber>1', '<PartNumber>2']);
    expect(body.match(/<ChecksumCRC32>AAAAAA==/g)).toHaveLength(2);
  });
});

it('an error after the 200 of finish is one', async () => {
  double.failNext({
    kind: 'answer',
    status: 200,
    body: '<Error><Code>InternalError</Code><Message>sorry</Message></Error>',
  });
  const state = { key: 'media/a', uploadId: 'u', attempt: 't' };
  const multipart = createS3Channel(testSettings({ endpoint: double.url })).multipart;
  const finish = multipart?.finish(state, [{ number: 1, size: 5, part: { etag: '"e"' } }], {
    signal,
  });
  await expect(finish).rejects.toMatchObject({ code: 'channel_unavailable' });
});

it.each(['WHEN_REQUIRED', 'WHEN_SUPPORTED'])(
  '%s: a wrong clock is corrected in the next call and in presigned addresses',
  async (checksums) => {
    const channel = createS3Channel(testSettings({ endpoint: double.url, checksums }));
    const dayAheadMs = Date.now() + 86_400_000;
    const body = '<Error><Code>RequestTimeTooSkewed</Code></Error>';
    const headers = { date: new Date(dayAheadMs).toUTCString() };
    double.failNext({ kind: 'answer', status: 403, headers, body });
    await expect(channel.delete({ key: 'a' }, { signal })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    double.failNext({ kind: 'answer', status: 204, headers });
    await channel.delete({ key: 'a' }, { signal });
    const day = new Date(dayAheadMs).toISOString().slice(0, 10).replaceAll('-', '');
    expect(double.seen.at(-1)?.headers['x-amz-date']).toMatch(new RegExp(`^${day}`));
    const options = { key: 'a', contentType: 'a/b', filename: 'a', expiresInSeconds: 60, signal };
    expect((await channel.presign?.start(options))?.url).toContain(`X-Amz-Date=${day}`);
  },
);
