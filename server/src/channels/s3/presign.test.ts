import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Service, s3Missing, startS3 } from '../../../test/services/s3.ts';
import { openTestBucket, testSettings } from '../../../test/services/s3-bucket.ts';
import type { Channel, PresignedUpload, PresignOptions } from '../../core/channel.ts';
import { createS3Channel } from './channel.ts';

const run = promisify(execFile);
const signal = new AbortController().signal;
const body = randomBytes(10_000);

async function start(
  channel: Channel,
  options: Partial<PresignOptions> = {},
): Promise<PresignedUpload> {
  const base = {
    key: `p/${randomBytes(8).toString('hex')}`,
    contentType: 'video/mp4',
    filename: 'a.mp4',
    expiresInSeconds: 60,
    signal,
  };
  const upload = await channel.presign?.start({ ...base, ...options });
  if (upload === undefined) {
    throw new Error('refused');
  }
  return upload;
}

describe.skipIf(s3Missing !== undefined)('presigned PUT against radosgw', () => {
  let service: S3Service;
  let bucket: Awaited<ReturnType<typeof openTestBucket>>;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stowage-presign-'));
    service = await startS3();
    bucket = await openTestBucket(service);
  });
  afterAll(async () => {
    await bucket?.channel.close?.();
    bucket?.destroy();
    await service?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const send = async (
    upload: PresignedUpload,
    bytes: Uint8Array<ArrayBuffer>,
    headers = upload.headers,
  ) => (await fetch(upload.url, { method: upload.method, headers, body: bytes })).status;
  const head = (upload: PresignedUpload) => bucket.channel.presign?.head(upload.state, { signal });

  it('takes curl -T with a file and the returned headers', async () => {
    const file = join(dir, 'video.mp4');
    await writeFile(file, body);
    const upload = await start(bucket.channel, { size: body.length });
    const headers = Object.entries(upload.headers).flatMap(([name, value]) => [
      '-H',
      `${name}: ${value}`,
    ]);
    const { stdout } = await run('curl', [
      '-sS',
      '-w',
      '%{http_code}',
      ...headers,
      '-T',
      file,
      upload.url,
    ]);
    expect(stdout).toBe('200');
    expect(await head(upload)).toEqual({
      ref: upload.state,
      size: body.length,
      contentType: 'video/mp4',
      start: body,
      version: expect.stringMatching(/^"[0-9a-f]{32}"$/),
    });
  });

  it.each([0, 1, 32 * 1024, 32 * 1024 + 1, 200_000])(
    'tells what arrived, with its first bytes (%i)',
    async (bytes) => {
      const sent = randomBytes(bytes);
      const upload = await start(bucket.channel);
      expect(await head(upload)).toBeUndefined();
      expect(await send(upload, sent)).toBe(200);
      const arrival = await head(upload);
      expect(arrival).toMatchObject({ size: bytes, contentType: 'video/mp4' });
      expect(Buffer.from(arrival?.start ?? [])).toEqual(sent.subarray(0, 32 * 1024));
    },
  );

  it('lists the headers a client must send, and no more', async () => {
    const upload = await start(bucket.channel, { size: 5 });
    expect(upload.headers).toEqual({ 'Content-Type': 'video/mp4' });
    expect(new URL(upload.url).searchParams.get('X-Amz-SignedHeaders')).toBe(
      'content-length;content-type;host',
    );
    expect(upload.url).not.toContain(service.secretAccessKey);
  });

  it('refuses a larger or smaller body than announced', async () => {
    const upload = await start(bucket.channel, { size: body.length });
    expect(await send(upload, Buffer.concat([body, body]))).toBe(403);
    expect(await send(upload, body.subarray(1))).toBe(403);
    expect(await head(upload)).toBeUndefined();
    expect(await send(upload, body)).toBe(200);
  });

  it('takes any length when none is known', async () => {
    const upload = await start(bucket.channel);
    expect(await send(upload, body)).toBe(200);
    expect((await head(upload))?.size).toBe(body.length);
  });

  it('refuses another type, another key, another expiry', async () => {
    const upload = await start(bucket.channel);
    expect(await send(upload, body, { 'Content-Type': 'text/html' })).toBe(403);
    const tamper = (from: string | RegExp, to: string) => ({
      ...upload,
      url: upload.url.replace(from, to),
    });
    expect(await send(tamper('/media/p/', '/media/q/'), body)).toBe(403);
    expect(await send(tamper('X-Amz-Expires=60', 'X-Amz-Expires=6000'), body)).toBe(403);
    expect(await send(tamper(/X-Amz-Signature=./, 'X-Amz-Signature=z'), body)).toBe(403);
    expect(await head(upload)).toBeUndefined();
  });

  it('finish moves what arrived out of reach of the address', async () => {
    const upload = await start(bucket.channel, { size: body.length });
    await send(upload, body);
    const arrival = await head(upload);
    if (arrival === undefined) {
      throw new Error('nothing arrived');
    }
    const kept = await bucket.channel.presign?.finish?.(arrival, {
      key: 'kept/one',
      contentType: 'image/gif',
      signal,
    });
    expect(kept).toEqual({ ref: { key: 'media/kept/one' }, size: body.length });
    expect(await send(upload, randomBytes(body.length))).toBe(200);
    const { stream } = await bucket.channel.get(kept?.ref ?? null, { signal });
    expect(Buffer.concat(await Array.fromAsync(stream))).toEqual(body);
    expect(await bucket.channel.presign?.head(kept?.ref ?? null, { signal })).toMatchObject({
      contentType: 'image/gif',
    });
  });

  it('finish refuses other bytes than those that were looked at', async () => {
    const upload = await start(bucket.channel, { size: body.length });
    await send(upload, body);
    const arrival = await head(upload);
    if (arrival === undefined) {
      throw new Error('nothing arrived');
    }
    await send(upload, randomBytes(body.length));
    const finish = () =>
      bucket.channel.presign?.finish?.(arrival, {
        key: 'kept/two',
        contentType: 'video/mp4',
        signal,
      });
    await expect(finish()).rejects.toMatchObject({ code: 'conflict' });
    await bucket.channel.presign?.abort(upload.state, { signal });
    await expect(finish()).rejects.toMatchObject({ code: 'not_found' });
    await expect(bucket.channel.get({ key: 'media/kept/two' }, { signal })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('refuses after it has expired', async () => {
    const upload = await start(bucket.channel, { expiresInSeconds: 1 });
    await delay(2100);
    expect(await send(upload, body)).toBe(403);
    expect(await head(upload)).toBeUndefined();
  });
});

describe('what is signed', () => {
  it('files that no single PUT can bring are refused', async () => {
    const channel = createS3Channel(testSettings({ endpoint: 'http://127.0.0.1:9' }));
    const options = { key: 'a', contentType: 'a/b', filename: 'a', expiresInSeconds: 60, signal };
    expect(await channel.presign?.start({ ...options, size: 5 * 2 ** 30 + 1 })).toBeUndefined();
    expect(await channel.presign?.start({ ...options, size: 5 * 2 ** 30 })).toBeDefined();
  });

  it('a known SHA-256 is part of it where the service keeps checksums', async () => {
    const channel = createS3Channel(
      testSettings({ storageClass: 'STANDARD_IA', serverSideEncryption: 'AES256' }),
    );
    const sha256 = createHash('sha256').update(body).digest();
    const upload = await start(channel, { sha256: sha256.toString('hex') });
    expect(upload.headers).toEqual({
      'Content-Type': 'video/mp4',
      'x-amz-checksum-sha256': sha256.toString('base64'),
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'AES256',
    });
    const { host, searchParams } = new URL(upload.url);
    expect(host).toBe('photos.s3.us-east-1.amazonaws.com');
    expect(searchParams.get('X-Amz-SignedHeaders')).toBe(
      'content-type;host;x-amz-checksum-sha256;x-amz-server-side-encryption;x-amz-storage-class',
    );
    expect(upload.url).not.toMatch(/crc32/i);
  });

  it('an expiry beyond a week is cut', async () => {
    const channel = createS3Channel(testSettings({ endpoint: 'https://s3.example.com' }));
    const upload = await start(channel, { expiresInSeconds: 10 ** 7 });
    expect(new URL(upload.url).searchParams.get('X-Amz-Expires')).toBe('604800');
  });
});
