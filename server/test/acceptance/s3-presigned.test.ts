import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { s3Missing } from '../services/s3.ts';
import { objectsIn, s3Backends, telegramBackend } from './backends.ts';
import { curl, type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { fixture, fixturePath } from './media-client.ts';
import { eventually, pseudoRandomBytes } from './requests.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;

describe.skipIf(s3Missing)(`straight to S3${s3Missing ? ` (${s3Missing})` : ''}`, () => {
  let folder: string;
  let s3: Awaited<ReturnType<typeof s3Backends>>;
  let channel: Readonly<Record<string, unknown>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-presigned-'));
    s3 = await s3Backends();
    channel = s3.backends[0]?.channel ?? {};
  });

  afterAll(async () => {
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const stored = () => objectsIn(s3.client, s3.bucketOf('s3'));

  describe('the presigned flow by curl', () => {
    let stowage: Stowage;
    let user: CurlUser;

    beforeAll(async () => {
      stowage = await startStowage({
        config: {
          channels: [{ type: 'local' }, channel],
          routing: { imageChannel: 's3', videoChannel: 's3', documentChannel: 's3' },
        },
        env: { STOWAGE_MEDIA_REQUIRE_SIZE: 'false', STOWAGE_MEDIA_MAX_DOCUMENT_BYTES: '100000' },
      });
      user = curlUser(stowage, folder);
    });
    afterAll(() => stowage?.stop());
    beforeEach(async () => expect(await stored()).toEqual([]));
    afterEach(async () => {
      const { media } = await data('/media?limit=100');
      for (const { id } of media) {
        await user.call(`/media/${id}`, '-X', 'DELETE');
      }
      await eventually(async () => expect(await stored()).toEqual([]));
    });

    // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not used
    const data = async (path: string): Promise<any> =>
      JSON.parse((await user.call(path)).text).data;

    interface Presigned {
      readonly id: string;
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
    }

    async function presign(body: Record<string, unknown>): Promise<Presigned> {
      const answer = await user.call(
        '/media/upload',
        '-H',
        'Content-Type: application/json',
        '-d',
        JSON.stringify(body),
      );
      expect(answer.status, answer.text).toBe(201);
      const {
        media_id: id,
        upload_url: url,
        upload_method,
        provider,
        protocol,
      } = JSON.parse(answer.text).data;
      expect({ provider, protocol, method: upload_method.method }).toEqual({
        provider: 'r2',
        protocol: 'http',
        method: 'PUT',
      });
      expect(url.startsWith(`${s3.service.endpoint}/`)).toBe(true);
      return { id, url, headers: upload_method.headers };
    }

    /** `curl -T` with the headers that the answer names and nothing else. */
    async function put({ url, headers }: Presigned, path: string): Promise<number> {
      const named = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      return Number(await curl('-o', '/dev/null', '-w', '%{http_code}', '-T', path, ...named, url));
    }

    async function complete({ id }: Presigned) {
      const answer = await user.call(`/media/${id}/complete`, '-X', 'POST');
      return { status: answer.status, body: JSON.parse(answer.text) };
    }

    async function localFile(bytes: Uint8Array | string): Promise<string> {
      const path = join(folder, 'to-send');
      await writeFile(path, bytes);
      return path;
    }

    it.each([
      ['clip.mp4', 'video/mp4', { width: 320, height: 180 }],
      ['document.pdf', 'application/pdf', { width: null, height: null }],
      ['photo.jpg', 'image/jpeg', { width: 320, height: 480 }],
    ])('%s goes there and comes back', async (filename, content_type, shape) => {
      const bytes = fixture(filename);
      const presigned = await presign({ filename, content_type, size: bytes.length });
      expect(presigned.headers).toEqual({ 'Content-Type': content_type });
      expect(await put(presigned, fixturePath(filename))).toBe(200);
      const { status, body } = await complete(presigned);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.data).toMatchObject({
        status: 'ready',
        filename,
        content_type,
        size: bytes.length,
        ...shape,
      });
      if (filename.endsWith('.mp4')) {
        expect(body.data.duration).toBeCloseTo(1, 1);
      }

      const path = new URL(body.data.url).pathname;
      const to = join(folder, 'back');
      const got = await user.download(path, to);
      expect(got.status).toBe(200);
      expect((await readFile(to)).equals(bytes)).toBe(true);
      expect(got.headers.get('content-type')).toBe(content_type);
      expect((await user.range(path, '10-19')).bytes).toEqual(bytes.subarray(10, 20));
      // the copy that the address does not reach; what arrived at the address is removed
      await eventually(async () =>
        expect((await stored()).map(({ size }) => size)).toEqual([bytes.length]),
      );
    });

    it('bytes that have not arrived are told in the words of the Media API; afterwards they may', async () => {
      const presigned = await presign({
        filename: 'a.pdf',
        content_type: 'application/pdf',
        size: 1000,
      });
      const { status, body } = await complete(presigned);
      expect(status).toBe(409);
      expect(body.error.message).toBe(
        'Uploaded file not found in storage. Make sure you uploaded the file to upload_url before calling complete.',
      );
      expect(
        await user.call(`/media/${presigned.id}`).then(({ text }) => JSON.parse(text).data.status),
      ).toBe('uploading');
      await user.call(`/media/${presigned.id}`, '-X', 'DELETE');
    });

    it('another type or length than was signed is refused by the store', async () => {
      const size = fixture('document.pdf').length;
      const presigned = await presign({ filename: 'a.pdf', content_type: 'application/pdf', size });
      expect(
        await put(
          { ...presigned, headers: { 'Content-Type': 'text/html' } },
          fixturePath('document.pdf'),
        ),
      ).toBe(403);
      expect(await put(presigned, await localFile(pseudoRandomBytes(size + 1)))).toBe(403);
      expect((await complete(presigned)).status).toBe(409);
      await user.call(`/media/${presigned.id}`, '-X', 'DELETE');
    });

    it('more bytes than are allowed are refused and removed', async () => {
      const presigned = await presign({ filename: 'a.pdf', content_type: 'application/pdf' });
      expect(
        await put(
          presigned,
          await localFile(Buffer.concat([fixture('document.pdf'), Buffer.alloc(200_000)])),
        ),
      ).toBe(200);
      const { status, body } = await complete(presigned);
      expect([status, body.error.code]).toEqual([413, 'file_too_large']);
      await eventually(async () => expect(await stored()).toEqual([]));
      expect((await complete(presigned)).status).toBe(409);
    });

    it('bytes of another kind are refused and removed', async () => {
      const presigned = await presign({ filename: 'a.pdf', content_type: 'application/pdf' });
      expect(await put(presigned, await localFile('<script>alert(1)</script>'))).toBe(200);
      const { status, body } = await complete(presigned);
      expect([status, body.error.code]).toEqual([422, 'content_type_mismatch']);
      await eventually(async () => expect(await stored()).toEqual([]));
    });

    it('a SHA-256 that was given is verified', async () => {
      const bytes = fixture('document.pdf');
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const wrong = await presign({
        filename: 'a.pdf',
        content_type: 'application/pdf',
        size: bytes.length,
        sha256: '0'.repeat(64),
      });
      expect(await put(wrong, fixturePath('document.pdf'))).toBe(200);
      const refused = await complete(wrong);
      expect([refused.status, refused.body.error.code]).toEqual([422, 'checksum_mismatch']);
      await eventually(async () => expect(await stored()).toEqual([]));
      const right = await presign({
        filename: 'a.pdf',
        content_type: 'application/pdf',
        size: bytes.length,
        sha256,
      });
      expect(await put(right, fixturePath('document.pdf'))).toBe(200);
      expect((await complete(right)).status).toBe(200);
    });

    it('an address that goes on working after complete changes nothing', async () => {
      const bytes = fixture('document.pdf');
      const presigned = await presign({ filename: 'a.pdf', content_type: 'application/pdf' });
      expect(await put(presigned, fixturePath('document.pdf'))).toBe(200);
      const first = await complete(presigned);
      expect(first.status).toBe(200);
      await eventually(async () => expect(await stored()).toHaveLength(1));
      expect(
        await put(presigned, await localFile(Buffer.concat([bytes, Buffer.from('evil')]))),
      ).toBe(200);
      const path = new URL(first.body.data.url).pathname;
      const to = join(folder, 'back');
      await user.download(path, to);
      expect((await readFile(to)).equals(bytes)).toBe(true);
      const again = await complete(presigned);
      expect(again.body.data).toEqual(first.body.data);
      // what came late waits for the clean-up of a day later
      const [late] = (await stored()).filter(({ size }) => size !== bytes.length);
      expect(late?.size).toBe(bytes.length + 4);
      await curl('-X', 'DELETE', presigned.url);
      const { DeleteObjectCommand } = await import('@aws-sdk/client-s3');
      await s3.client.send(new DeleteObjectCommand({ Bucket: s3.bucketOf('s3'), Key: late?.key }));
    });

    it('twenty completions at once give one file', async () => {
      const presigned = await presign({ filename: 'photo.jpg', content_type: 'image/jpeg' });
      expect(await put(presigned, fixturePath('photo.jpg'))).toBe(200);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          stowage.fetch(`/media/${presigned.id}/complete`, { method: 'POST' }),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect((await data('/media')).total).toBe(1);
      await eventually(async () => expect(await stored()).toHaveLength(1));
    });

    it('kill -9 between any two steps loses nothing', async () => {
      const presigned = await presign({ filename: 'clip.mp4', content_type: 'video/mp4' });
      await stowage.crash();
      expect(await put(presigned, fixturePath('clip.mp4'))).toBe(200);
      await stowage.crash();
      const { body } = await complete(presigned);
      await stowage.crash();
      const to = join(folder, 'back');
      await user.download(new URL(body.data.url).pathname, to);
      expect((await readFile(to)).equals(fixture('clip.mp4'))).toBe(true);
      expect((await complete(presigned)).body.data.url).toBe(body.data.url);
    });

    it('a deleted upload takes its object along', async () => {
      const presigned = await presign({ filename: 'photo.jpg', content_type: 'image/jpeg' });
      expect(await put(presigned, fixturePath('photo.jpg'))).toBe(200);
      expect((await user.call(`/media/${presigned.id}`, '-X', 'DELETE')).status).toBe(200);
      await eventually(async () => expect(await stored()).toEqual([]));
    });
  });

  it('an address past its time is refused by the store, and complete says so', {
    timeout: 60_000,
  }, async () => {
    const stowage = await startStowage({
      config: { channels: [channel], media: { urlTtlSeconds: 2 } },
    });
    try {
      const user = curlUser(stowage, folder);
      const body = JSON.stringify({
        filename: 'document.pdf',
        content_type: 'application/pdf',
        size: fixture('document.pdf').length,
      });
      const answer = await user.call(
        '/media/upload',
        '-H',
        'Content-Type: application/json',
        '-d',
        body,
      );
      const { media_id, upload_url, expires_in } = JSON.parse(answer.text).data;
      expect(expires_in).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 3100));
      const type = 'Content-Type: application/pdf';
      const code = await curl(
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-T',
        fixturePath('document.pdf'),
        '-H',
        type,
        upload_url,
      );
      expect(code.toString()).toBe('403');
      const completed = await user.call(`/media/${media_id}/complete`, '-X', 'POST');
      expect([completed.status, JSON.parse(completed.text).error.code]).toEqual([
        410,
        'upload_expired',
      ]);
      expect(await stored()).toEqual([]);
    } finally {
      await stowage.stop();
    }
  });

  interface Rendered {
    readonly code: number;
    readonly lines: readonly string[];
  }

  function doctor(config: unknown, ...args: string[]): Promise<Rendered> {
    return new Promise((resolve) => {
      const home = join(folder, 'doctor');
      const env = {
        PATH: process.env.PATH ?? '',
        STOWAGE_DATA_DIR: home,
        STOWAGE_CONFIG: join(folder, 'doctor.json'),
      };
      writeFile(join(folder, 'doctor.json'), JSON.stringify(config)).then(() => {
        execFile(
          process.execPath,
          [launcher, 'doctor', ...args],
          { cwd: folder, env },
          (error, stdout, stderr) => {
            resolve({ code: Number(error?.code ?? 0), lines: `${stdout}${stderr}`.split('\n') });
          },
        );
      });
    });
  }

  const lineOf = ({ lines }: Rendered, start: string): string =>
    lines.find((line) => line.includes(start)) ?? lines.join('\n');

  describe('stowage doctor', () => {
    it('shows each step of a good channel, and what the bucket lacks for browsers', async () => {
      const said = await doctor({
        channels: [channel],
        cors: { origins: ['https://blog.example'] },
      });
      expect(lineOf(said, 'channel s3/s3:')).toMatch(
        /^ok {3}channel s3\/s3: check \d+ ms, put \d+ ms, get \d+ ms, range \d+ ms, delete \d+ ms, gone \d+ ms$/,
      );
      expect(lineOf(said, 's3/s3 CORS')).toMatch(
        /^note channel s3\/s3 CORS: .*https:\/\/blog\.example.*"AllowedMethods":\["PUT"\]/,
      );
      expect(said.code).toBe(0);
      expect(await stored()).toEqual([]);
    });

    it('sets CORS up where it may, and a browser can upload from then on', async () => {
      const origin = 'https://blog.example';
      const config = { channels: [{ ...channel, manageCors: true }], cors: { origins: [origin] } };
      expect(lineOf(await doctor(config), 's3/s3 CORS')).toMatch(/^note .*doctor --fix/);
      expect(lineOf(await doctor(config, '--fix'), 's3/s3 CORS')).toMatch(
        /^ok {3}.*allowed as of now$/,
      );
      expect(lineOf(await doctor(config), 's3/s3 CORS')).toMatch(/^ok {3}.*allowed$/);
      const preflight = [
        '-H',
        `Origin: ${origin}`,
        '-H',
        'Access-Control-Request-Method: PUT',
        '-H',
        'Access-Control-Request-Headers: content-type',
      ];
      const url = `${s3.service.endpoint}/${s3.bucketOf('s3')}/x`;
      const answer = (await curl('-i', '-X', 'OPTIONS', ...preflight, url)).toString();
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      expect(answer.toLowerCase()).toContain(`access-control-allow-origin: ${origin}`);
    });

    it('says what is wrong with a broken channel in the words of the remote, and nothing secret', async () => {
      const secret = 'canary-secret-access-key-0123456789';
      const telegram = await telegramBackend();
      try {
        const said = await doctor({
          channels: [
            { ...channel, secretAccessKey: secret },
            { ...channel, name: 'no-bucket', bucket: 'no-such-bucket' },
            { ...channel, name: 'nobody', endpoint: 'http://127.0.0.1:1' },
            { ...telegram.channel, botToken: '123456789:AAcanaryOfAWrongTokenThatMustNeverShow' },
            { ...telegram.channel, name: 'good' },
          ],
        });
        expect(said.code).toBe(1);
        expect(lineOf(said, 'channel s3/s3:')).toMatch(
          /^FAIL .*check failed: .*SignatureDoesNotMatch/,
        );
        expect(lineOf(said, 'channel s3/no-bucket:')).toMatch(
          /^FAIL .*(NoSuchBucket|no-such-bucket)/,
        );
        expect(lineOf(said, 'channel s3/nobody:')).toMatch(/^FAIL .*(ECONNREFUSED|refused)/i);
        expect(lineOf(said, 'channel telegram/telegram:')).toMatch(/^FAIL .*Unauthorized/);
        expect(lineOf(said, 'channel telegram/good:')).toMatch(/^ok {3}/);
        expect(said.lines.join('\n')).not.toMatch(/canary/i);
      } finally {
        await telegram.stop();
      }
    });
  });

  it('POST /api/manage/channels/{id}/test does the same for a running server', async () => {
    const secret = 'canary-secret-access-key-0123456789';
    const broken = { ...channel, name: 'broken', secretAccessKey: secret };
    const stowage = await startStowage({ config: { channels: [channel, broken] } });
    try {
      const user = curlUser(stowage, folder);
      const good = JSON.parse((await user.call('/api/manage/channels/s3/test', '-X', 'POST')).text);
      expect(good).toMatchObject({ success: true, channel: { type: 's3', name: 's3' } });
      expect(good.steps.map(({ step }: { step: string }) => step)).toEqual([
        'check',
        'put',
        'get',
        'range',
        'delete',
        'gone',
      ]);
      const byId = JSON.parse(
        (await user.call(`/api/manage/channels/${good.channel.id}/test`, '-X', 'POST')).text,
      );
      expect(byId.success).toBe(true);
      const bad = await user.call('/api/manage/channels/broken/test', '-X', 'POST');
      const told = JSON.parse(bad.text);
      expect(told).toMatchObject({ success: false, steps: [{ step: 'check', ok: false }] });
      expect(told.steps[0].error).toMatch(/SignatureDoesNotMatch/);
      expect((await user.call('/api/manage/channels/none/test', '-X', 'POST')).status).toBe(404);
      expect(
        (
          await stowage.fetch('/api/manage/channels/s3/test', {
            method: 'POST',
            headers: { authorization: '' },
          })
        ).status,
      ).toBe(401);
      expect([...user.heard, ...stowage.log].filter((text) => text.includes(secret))).toEqual([]);
      expect(await stored()).toEqual([]);
    } finally {
      await stowage.stop();
    }
  });
});
