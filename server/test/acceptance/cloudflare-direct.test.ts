import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloudflareBackend } from './backends.ts';
import { curl, type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { fixture, fixturePath } from './media-client.ts';
import { eventually } from './requests.ts';

/** Media API images straight to Cloudflare, by curl as its document shows. */
describe('pictures straight to Cloudflare Images', () => {
  let folder: string;
  let stowage: Stowage;
  let user: CurlUser;
  let images: Awaited<ReturnType<typeof cloudflareBackend>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-images-'));
    images = await cloudflareBackend();
    stowage = await startStowage({
      config: {
        channels: [{ type: 'local' }, images.channel],
        routing: { imageChannel: 'images', videoChannel: 'local' },
      },
    });
    user = curlUser(stowage, folder);
  });

  afterAll(async () => {
    await stowage?.stop();
    await images?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  interface Presigned {
    readonly media_id: string;
    readonly upload_url: string;
    readonly provider: string;
    readonly channel: { readonly type: string; readonly name: string };
    readonly upload_method: {
      readonly method: string;
      readonly content_type: string;
      readonly field_name: string | null;
    };
  }

  async function presign(
    filename: string,
    content_type: string,
    { size = fixture(filename).length, direct = true } = {},
  ): Promise<Presigned> {
    const body = JSON.stringify({ filename, content_type, size, ...(direct && { direct }) });
    const answer = await user.call(
      '/media/upload',
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
    );
    expect(answer.status, answer.text).toBe(201);
    return JSON.parse(answer.text).data;
  }

  async function send({ upload_url }: Presigned, path: string): Promise<number> {
    return Number(
      await curl('-o', '/dev/null', '-w', '%{http_code}', '-F', `file=@${path}`, upload_url),
    );
  }

  async function complete({ media_id }: Presigned) {
    const answer = await user.call(`/media/${media_id}/complete`, '-X', 'POST');
    return { status: answer.status, ...JSON.parse(answer.text) };
  }

  const uploaded = () =>
    [...images.emulator.images.values()].filter(({ file }) => file !== undefined).length;

  it.each([
    ['photo.jpg', 'image/jpeg', 320, 480],
    ['picture.png', 'image/png', 160, 120],
    ['animated.gif', 'image/gif', 96, 64],
    ['picture.webp', 'image/webp', 200, 150],
  ])(
    '%s: asked for, sent as a form, completed, read, deleted',
    async (filename, type, width, height) => {
      const before = uploaded();
      const presigned = await presign(filename, type);
      expect(presigned).toMatchObject({
        provider: 'cloudflare_images',
        upload_method: { method: 'POST', content_type: 'multipart/form-data', field_name: 'file' },
      });
      expect(new URL(presigned.upload_url).origin).toBe(new URL(images.emulator.apiBase).origin);
      expect(await send(presigned, fixturePath(filename))).toBe(200);
      const { status, data } = await complete(presigned);
      expect(status).toBe(200);
      expect(data).toMatchObject({ status: 'ready', filename, content_type: type, width, height });
      const to = join(folder, 'back');
      expect((await user.download(new URL(data.url).pathname, to)).status).toBe(200);
      expect((await readFile(to)).equals(fixture(filename))).toBe(true);
      expect((await complete(presigned)).data).toEqual(data);
      expect((await user.call(`/media/${presigned.media_id}`, '-X', 'DELETE')).status).toBe(200);
      await eventually(() => expect(uploaded()).toBe(before));
    },
  );

  it('a picture that has not arrived is not ready; an address takes one picture only', async () => {
    const presigned = await presign('photo.jpg', 'image/jpeg');
    const early = await complete(presigned);
    expect([early.status, early.error.code]).toEqual([409, 'upload_not_received']);
    expect(await send(presigned, fixturePath('photo.jpg'))).toBe(200);
    expect(await send(presigned, fixturePath('picture.png'))).toBeGreaterThanOrEqual(400);
    const { data } = await complete(presigned);
    expect(data.content_type).toBe('image/jpeg');
    await user.call(`/media/${presigned.media_id}`, '-X', 'DELETE');
  });

  it('an upload given up takes its picture, or its draft, along', async () => {
    const [sent, unsent] = [
      await presign('photo.jpg', 'image/jpeg'),
      await presign('photo.jpg', 'image/jpeg'),
    ];
    expect(await send(sent, fixturePath('photo.jpg'))).toBe(200);
    for (const { media_id } of [sent, unsent]) {
      expect((await user.call(`/media/${media_id}`, '-X', 'DELETE')).status).toBe(200);
    }
    await eventually(() => expect(images.emulator.images.size).toBe(0));
  });

  it.each([
    ['larger than Cloudflare takes', 'photo.jpg', 'image/jpeg', 10_000_001],
    ['of a format it does not take', 'picture.heic', 'image/heic', undefined],
    ['that is a video', 'clip.mp4', 'video/mp4', undefined],
  ])(
    'a file %s goes to another channel, without an error',
    async (_, filename, type, sizeBytes) => {
      const path = join(folder, 'large');
      const bytes = fixture(filename);
      await writeFile(
        path,
        sizeBytes === undefined
          ? bytes
          : Buffer.concat([bytes, Buffer.alloc(sizeBytes - bytes.length)]),
      );
      const presigned = await presign(
        filename,
        type,
        sizeBytes === undefined ? {} : { size: sizeBytes },
      );
      expect(presigned.channel.type).toBe('local');
      expect(new URL(presigned.upload_url).origin).toBe(stowage.url);
      const sent =
        presigned.upload_method.method === 'POST'
          ? ['-F', `file=@${path}`]
          : ['-T', path, '-H', `Content-Type: ${type}`];
      expect(
        Number(await curl('-o', '/dev/null', '-w', '%{http_code}', ...sent, presigned.upload_url)),
      ).toBeLessThan(300);
      const { status, data } = await complete(presigned);
      expect(status).toBe(200);
      expect(data).toMatchObject({ status: 'ready', content_type: type });
    },
  );

  it.each([
    [
      'raw bytes by PUT',
      (url: string) => ['-T', fixturePath('photo.jpg'), '-H', 'Content-Type: image/jpeg', url],
    ],
    ['a form by POST', (url: string) => ['-F', `file=@${fixturePath('photo.jpg')}`, url]],
  ])(
    'a client that does not ask for it sends %s through the server, and the picture lies at Cloudflare',
    async (_, args) => {
      const before = uploaded();
      const presigned = await presign('photo.jpg', 'image/jpeg', { direct: false });
      expect(new URL(presigned.upload_url).origin).toBe(stowage.url);
      expect(presigned).toMatchObject({
        provider: 'cloudflare_images',
        upload_method: { method: 'POST', field_name: 'file' },
      });
      expect(
        Number(await curl('-o', '/dev/null', '-w', '%{http_code}', ...args(presigned.upload_url))),
      ).toBe(200);
      expect((await complete(presigned)).data).toMatchObject({
        status: 'ready',
        content_type: 'image/jpeg',
      });
      expect(uploaded()).toBe(before + 1);
      await user.call(`/media/${presigned.media_id}`, '-X', 'DELETE');
      await eventually(() => expect(uploaded()).toBe(before));
    },
  );

  it('a picture the basic upload brings there that it does not take goes to another channel too', async () => {
    const query = 'uploadChannel=cloudflare_images';
    const src = await user.upload(query, {
      path: fixturePath('document.pdf'),
      type: 'application/pdf',
    });
    const to = join(folder, 'back');
    await user.download(src, to);
    expect((await readFile(to)).equals(fixture('document.pdf'))).toBe(true);
  });

  it('survives kill -9 between any two steps', async () => {
    const presigned = await presign('photo.jpg', 'image/jpeg');
    await stowage.crash();
    expect(await send(presigned, fixturePath('photo.jpg'))).toBe(200);
    await stowage.crash();
    expect((await complete(presigned)).data.status).toBe('ready');
  });

  it('no secret was said or logged on the way', () => {
    for (const secret of images.secrets) {
      expect([...user.heard, ...stowage.log].filter((text) => text.includes(secret))).toEqual([]);
    }
  });
});
