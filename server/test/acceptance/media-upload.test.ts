import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, type Stowage, startStowage } from './harness.ts';
import { fixture, fixturePath, mediaClient, uploadMedia } from './media-client.ts';

let app: Stowage;
let client: ReturnType<typeof mediaClient>;
beforeAll(async () => {
  app = await startStowage({
    env: { STOWAGE_MEDIA_MAX_DOCUMENT_BYTES: '100000', STOWAGE_MEDIA_URL_TTL_SECONDS: '3600' },
  });
  client = mediaClient(app);
});
afterAll(() => app.stop());

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const jpeg = { filename: 'photo.jpg', content_type: 'image/jpeg', size: 23780 };

function meta(body: { meta: { request_id: string; timestamp: string } }): void {
  expect(body.meta.request_id).toMatch(/^[0-9a-z]{8}$/);
  expect(body.meta.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}

/** Objects in storage once no removal is pending. */
async function objectCount(): Promise<number> {
  await expect
    .poll(async () => (await app.fetch('/metrics')).text(), { timeout: 10_000 })
    .toContain('stowage_jobs_pending 0');
  const entries = await readdir(join(app.dataDir, 'objects'), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile()).length;
}

describe('POST /media/upload', () => {
  it('answers the documented fields for an image', async () => {
    const { status, body } = await client.presign(jpeg);
    expect(status).toBe(201);
    expect(body.error).toBeNull();
    meta(body);
    const { data } = body;
    expect(data.media_id).toMatch(uuid);
    expect(data).toMatchObject({
      media_ids: [data.media_id],
      upload_method: { method: 'POST', content_type: 'multipart/form-data', field_name: 'file' },
      provider: 'cloudflare_images',
      channel: { type: 'local', name: 'local' },
      expires_in: 3600,
      max_size: 20971520,
      next_step:
        'Upload your file to upload_url, then call POST /media/{media_id}/complete to finalize.',
    });
    expect(data.upload_url.startsWith(`${app.url}/relay/`)).toBe(true);
  });

  it('asks for PUT with Content-Type for video and documents', async () => {
    const video = await client.presign({
      filename: 'a.mp4',
      content_type: 'video/mp4',
      size: 524288000,
    });
    expect(video.body.data).toMatchObject({
      upload_method: {
        method: 'PUT',
        content_type: 'video/mp4',
        headers: { 'Content-Type': 'video/mp4' },
      },
      max_size: 524288000,
      provider: 'r2',
    });
    const pdf = await client.presign({
      filename: 'a.pdf',
      content_type: 'application/pdf',
      size: 5,
    });
    expect(pdf.body.data.upload_method).toMatchObject({
      method: 'PUT',
      content_type: 'application/pdf',
    });
  });

  it('takes file_size for size, and ignores unknown fields', async () => {
    const { status } = await client.presign({
      filename: 'a.png',
      content_type: 'image/png',
      file_size: 10,
      platforms: ['x'],
    });
    expect(status).toBe(201);
  });

  it.each(['/v1', '', '/api/v1', '/api/v1/api/v1'])('lives under %s, too', async (base) => {
    const { status, body } = await mediaClient(app, base).presign(jpeg);
    expect([status, body.error]).toEqual([201, null]);
  });

  it.each([
    ['nothing', {}, 'validation_error', /required/],
    [
      'no filename',
      { content_type: 'image/png', size: 1 },
      'validation_error',
      /filename is required/,
    ],
    ['an empty filename', { ...jpeg, filename: '' }, 'validation_error', /filename/],
    ['a long filename', { ...jpeg, filename: 'a'.repeat(256) }, 'validation_error', /255/],
    ['a path', { ...jpeg, filename: '../a.jpg' }, 'validation_error', /filename/],
    ['NUL', { ...jpeg, filename: 'a\0.jpg' }, 'validation_error', /filename/],
    [
      'another type',
      { ...jpeg, content_type: 'video/quicktime' },
      'validation_error',
      /Unsupported content_type "video\/quicktime"/,
    ],
    ['size 0', { ...jpeg, size: 0 }, 'validation_error', /size/],
    ['a negative size', { ...jpeg, size: -1 }, 'validation_error', /size/],
    ['half a byte', { ...jpeg, size: 1.5 }, 'validation_error', /size/],
    ['a text as size', { ...jpeg, size: '10' }, 'validation_error', /size/],
    [
      'too large',
      { ...jpeg, size: 20971521 },
      'validation_error',
      /size exceeds the 20 MB limit for images/,
    ],
    [
      'no size',
      { filename: 'a.jpg', content_type: 'image/jpeg' },
      'validation_error',
      /size is required/,
    ],
    [
      'contentType',
      { filename: 'a.jpg', contentType: 'image/jpeg', size: 1 },
      'invalid_field_name',
      /Did you mean "content_type"/,
    ],
    [
      'fileName',
      { fileName: 'a.jpg', content_type: 'image/jpeg', size: 1 },
      'invalid_field_name',
      /Did you mean "filename"/,
    ],
    ['a bad sha256', { ...jpeg, sha256: 'xyz' }, 'validation_error', /sha256/],
  ])('refuses %s with 400', async (_what, fields, code, message) => {
    const { status, body } = await client.presign(fields);
    expect(status).toBe(400);
    expect(body.data).toBeNull();
    expect(body.error).toMatchObject({ code, retryable: false });
    expect(body.error.message).toMatch(message);
    meta(body);
  });

  it('refuses what is not JSON, or no object', async () => {
    expect((await client.call('POST', '/media/upload', { body: '{"a": \n' })).body.error.code).toBe(
      'invalid_json',
    );
    for (const json of [[], 'text', 5, null]) {
      expect((await client.call('POST', '/media/upload', { json })).body.error.code).toBe(
        'validation_error',
      );
    }
  });

  it('is not fooled by __proto__', async () => {
    const { status } = await client.call('POST', '/media/upload', {
      body: '{"__proto__": {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}}',
    });
    expect(status).toBe(400);
  });
});

describe('the three steps', () => {
  it.each([
    ['photo.jpg', 'image/jpeg', 'image'],
    ['picture.png', 'image/png', 'image'],
    ['animated.gif', 'image/gif', 'image'],
    ['picture.webp', 'image/webp', 'image'],
    ['picture.heic', 'image/heic', 'image'],
    ['clip.mp4', 'video/mp4', 'video'],
    ['clip-fragmented.mp4', 'video/mp4', 'video'],
    ['document.pdf', 'application/pdf', 'document'],
  ])('bring %s in by curl and back as it was, by PUT and by form', async (name, type, kind) => {
    const bytes = fixture(name);
    for (const way of ['put', 'form']) {
      const { body } = await client.presign({
        filename: name,
        content_type: type,
        size: bytes.length,
      });
      const { upload_url: url, media_id: id } = body.data;
      const args =
        way === 'put'
          ? ['-T', fixturePath(name), '-H', `Content-Type: ${type}`]
          : ['-F', `file=@${fixturePath(name)};type=${type}`];
      await curl('--fail-with-body', ...args, url);
      const completed = await client.complete(id);
      expect(completed.status, JSON.stringify(completed.body)).toBe(200);
      const { data } = completed.body;
      expect(data).toMatchObject({
        id,
        media_id: id,
        media_ids: [id],
        status: 'ready',
        media_status: 'ready',
        type: kind,
        size: bytes.length,
        file_size: bytes.length,
      });
      if (kind !== 'document') {
        expect([data.width > 0, data.height > 0]).toEqual([true, true]);
      }
      if (kind === 'video') {
        expect(data.duration).toBeGreaterThan(0.5);
      }
      expect((await curl(data.url)).equals(bytes)).toBe(true);
      expect((await curl('-r', '3-12', data.url)).equals(bytes.subarray(3, 13))).toBe(true);
      expect((await client.get(id)).body.data).toMatchObject({
        filename: name,
        original_name: name,
        upload_status: 'ready',
      });
    }
  });

  it('say that nothing has arrived in words that clients look for', async () => {
    const { body } = await client.presign(jpeg);
    const { status, body: answer } = await client.complete(body.data.media_id);
    expect(status).toBe(409);
    expect(answer.error).toMatchObject({ code: 'upload_not_received', retryable: true });
    expect(answer.error.message).toMatch(/not found|make sure you uploaded|uploaded the file/i);
    const { received, expected, expires_in, upload_url } = answer.error.details;
    expect({ received, expected }).toEqual({ received: 0, expected: jpeg.size });
    expect(expires_in).toBeGreaterThan(0);
    expect(
      (await client.put(upload_url, fixture('photo.jpg'), { 'content-type': 'image/jpeg' })).status,
    ).toBeLessThan(300);
    expect((await client.complete(body.data.media_id)).status).toBe(200);
  });

  it('complete the same media twice, and twice at once, with one answer', async () => {
    const bytes = fixture('photo.jpg');
    const { body } = await client.presign(jpeg);
    await client.put(body.data.upload_url, bytes, { 'content-type': 'image/jpeg' });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.complete(body.data.media_id)),
    );
    const later = await client.complete(body.data.media_id);
    for (const { status, body: answer } of [...answers, later]) {
      expect(status).toBe(200);
      expect(answer.data).toEqual(later.body.data);
    }
    const { body: list } = await client.call('GET', '/media?limit=100');
    expect(
      list.data.media.filter((item: { id: string }) => item.id === body.data.media_id),
    ).toHaveLength(1);
  });

  it('take repeated transfers until completed: the last one counts, and only its bytes stay', async () => {
    const before = await objectCount();
    const { body } = await client.presign({
      filename: 'x.png',
      content_type: 'image/png',
      size: 7535,
    });
    for (const name of ['photo.jpg', 'picture.png', 'picture.webp', 'picture.png']) {
      expect((await client.put(body.data.upload_url, fixture(name))).status).toBe(200);
    }
    const { body: done } = await client.complete(body.data.media_id);
    expect(done.data).toMatchObject({
      content_type: 'image/png',
      size: fixture('picture.png').length,
    });
    await expect.poll(objectCount, { timeout: 10_000 }).toBe(before + 1);
    const late = await client.put(body.data.upload_url, fixture('picture.webp'));
    expect(late.status).toBe(409);
    expect(((await late.json()) as { error: { code: string } }).error.code).toBe(
      'already_completed',
    );
    expect((await curl(done.data.url)).equals(fixture('picture.png'))).toBe(true);
  });

  it('correct a type of the same kind, with a warning', async () => {
    const { body } = await client.presign({
      filename: 'p.jpg',
      content_type: 'image/jpeg',
      size: 7535,
    });
    await client.postForm(body.data.upload_url, fixture('picture.png'), 'image', 'image/jpeg');
    const { body: done } = await client.complete(body.data.media_id);
    expect(done.data).toMatchObject({ content_type: 'image/png', mime_type: 'image/png' });
    expect(done.data.warnings[0]).toMatch(/image\/jpeg.*image\/png/);
  });

  it.each([
    ['a page declared a picture', 'page.html', 'image/jpeg', 'content_type_mismatch'],
    ['SVG declared PNG', 'vector.svg', 'image/png', 'content_type_mismatch'],
    ['a picture declared a video', 'photo.jpg', 'video/mp4', 'content_type_mismatch'],
    ['a truncated PNG', 'picture.png', 'image/png', 'invalid_media'],
    ['a truncated MP4', 'clip.mp4', 'video/mp4', 'invalid_media'],
    ['a truncated PDF', 'document.pdf', 'application/pdf', 'invalid_media'],
  ])('refuse %s, and remove its bytes', async (what, name, type, code) => {
    const before = await objectCount();
    const whole = fixture(name);
    const bytes = what.includes('truncated')
      ? whole.subarray(0, Math.floor(whole.length * 0.6))
      : whole;
    const { body } = await client.presign({
      filename: `x.${name.split('.').at(-1)}`,
      content_type: type,
      size: bytes.length,
    });
    await client.put(body.data.upload_url, bytes);
    const { status, body: answer } = await client.complete(body.data.media_id);
    expect([status, answer.error.code]).toEqual([422, code]);
    expect((await client.get(body.data.media_id)).body.data).toMatchObject({
      status: 'failed',
      error_message: answer.error.message,
    });
    expect((await client.complete(body.data.media_id)).body.error.code).toBe('media_failed');
    await expect.poll(objectCount, { timeout: 10_000 }).toBe(before);
  });

  it('refuse an empty file, and take another try afterwards', async () => {
    const { body } = await client.presign({
      filename: 'p.png',
      content_type: 'image/png',
      size: 7535,
    });
    await client.put(body.data.upload_url, new Uint8Array(0));
    const { status, body: answer } = await client.complete(body.data.media_id);
    expect([status, answer.error.code]).toEqual([422, 'empty_file']);
    await client.put(body.data.upload_url, fixture('picture.png'));
    expect((await client.complete(body.data.media_id)).status).toBe(200);
  });
});

describe('the upload address', () => {
  it('stops what is larger than allowed while it is coming, and leaves nothing', async () => {
    const before = await objectCount();
    const { body } = await client.presign({
      filename: 'x.pdf',
      content_type: 'application/pdf',
      size: 1000,
    });
    const big = Buffer.alloc(400_000, 'a');
    for (const response of [
      await client.put(body.data.upload_url, big, { 'content-type': 'application/pdf' }),
      await client.postForm(body.data.upload_url, big, 'file', 'application/pdf'),
      await fetch(body.data.upload_url, {
        method: 'PUT',
        duplex: 'half',
        body: new ReadableStream({
          start(controller) {
            for (let at = 0; at < 8; at++) {
              controller.enqueue(big.subarray(0, 50_000));
            }
            controller.close();
          },
        }),
      } as RequestInit),
    ]) {
      expect(response.status).toBe(413);
      const { error } = (await response.json()) as { error: { code: string; details: object } };
      expect(error).toMatchObject({
        code: 'file_too_large',
        details: { max_size: expect.any(Number) },
      });
    }
    expect(await objectCount()).toBe(before);
    expect((await client.complete(body.data.media_id)).body.error.code).toBe('upload_not_received');
  });

  it('is void when tampered with, for another media, or without its signature', async () => {
    const [one, two] = [await client.presign(jpeg), await client.presign(jpeg)];
    const [first, second] = [
      one.body.data.upload_url as string,
      two.body.data.upload_url as string,
    ];
    const signature = first.split('sig=')[1] ?? '';
    const flipped = `${signature.slice(0, 20)}${signature[20] === 'A' ? 'B' : 'A'}${signature.slice(21)}`;
    for (const url of [
      first.replace(signature, flipped),
      second.replace(/sig=.*/, `sig=${signature}`),
      first.replace(/\?.*/, ''),
      first.replace(signature, 'v1..'),
    ]) {
      const response = await client.put(url, fixture('photo.jpg'));
      expect([
        response.status,
        ((await response.json()) as { error: { code: string } }).error.code,
      ]).toEqual([403, 'invalid_signature']);
    }
  });

  it('refuses another type, but not one that says nothing', async () => {
    const { body } = await client.presign(jpeg);
    const refused = await client.put(body.data.upload_url, fixture('photo.jpg'), {
      'content-type': 'video/mp4',
    });
    expect([
      refused.status,
      ((await refused.json()) as { error: { code: string } }).error.code,
    ]).toEqual([415, 'content_type_mismatch']);
    for (const type of [
      'application/octet-stream',
      'image/jpeg; charset=binary',
      'application/x-www-form-urlencoded',
    ]) {
      expect(
        (await client.put(body.data.upload_url, fixture('photo.jpg'), { 'content-type': type }))
          .status,
      ).toBe(200);
    }
  });

  const bytes = fixture('picture.png');
  const digest = (name: string, encoding: 'hex' | 'base64'): string =>
    createHash(name).update(bytes).digest(encoding);
  const other = createHash('sha256').update('other').digest('base64');
  const otherMd5 = createHash('md5').update('other').digest('base64');

  it.each([
    ['Content-MD5', { 'content-md5': digest('md5', 'base64') }, { 'content-md5': otherMd5 }],
    [
      'Content-Digest',
      { 'content-digest': `sha-256=:${digest('sha256', 'base64')}:` },
      { 'content-digest': `sha-256=:${other}:` },
    ],
    [
      'x-amz-checksum-sha256',
      { 'x-amz-checksum-sha256': digest('sha256', 'base64') },
      { 'x-amz-checksum-sha256': other },
    ],
  ])('verifies %s', async (_name, right, wrong) => {
    const { body } = await client.presign({
      filename: 'p.png',
      content_type: 'image/png',
      size: bytes.length,
    });
    const refused = await client.put(
      body.data.upload_url,
      bytes,
      wrong as unknown as Record<string, string>,
    );
    expect([
      refused.status,
      ((await refused.json()) as { error: { code: string } }).error.code,
    ]).toEqual([400, 'checksum_mismatch']);
    expect((await client.complete(body.data.media_id)).body.error.code).toBe('upload_not_received');
    expect(
      (await client.put(body.data.upload_url, bytes, right as unknown as Record<string, string>))
        .status,
    ).toBe(200);
    expect((await client.complete(body.data.media_id)).status).toBe(200);
  });

  it('verifies the sha256 of step 1, in hex or base64', async () => {
    for (const sha256 of [digest('sha256', 'hex'), digest('sha256', 'base64')]) {
      const { body } = await client.presign({
        filename: 'p.png',
        content_type: 'image/png',
        size: bytes.length,
        sha256,
      });
      expect((await client.put(body.data.upload_url, fixture('photo.jpg'))).status).toBe(400);
      expect((await client.put(body.data.upload_url, bytes)).status).toBe(200);
      expect((await client.complete(body.data.media_id)).status).toBe(200);
    }
  });

  it('answers a preflight for browsers', async () => {
    const { body } = await client.presign(jpeg);
    const response = await fetch(body.data.upload_url, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'PUT' },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain(
      'content-type',
    );
  });
});

describe('the library', () => {
  it('lists what both APIs brought, newest first, by pages and kinds', async () => {
    const media = await uploadMedia(client, 'picture.webp', 'image/webp');
    const form = new FormData();
    form.set(
      'file',
      new Blob([new Uint8Array(fixture('clip.mp4'))], { type: 'video/mp4' }),
      'film.mp4',
    );
    const [{ src }] = (await (
      await app.fetch('/upload', { method: 'POST', body: form })
    ).json()) as [{ src: string }];
    const { body } = await client.call('GET', '/media?limit=2');
    const [first, second] = body.data.media;
    expect(body.data.items).toEqual(body.data.media);
    expect(body.data.media_ids).toEqual([first.id, second.id]);
    expect(second.id).toBe(media.body.data.id);
    expect(first).toMatchObject({ filename: 'film.mp4', type: 'video', url: `${app.url}${src}` });
    expect(body.data.pagination).toEqual({
      limit: 2,
      offset: 0,
      total: body.data.total,
      has_more: true,
    });
    const videos = await client.call('GET', '/media?type=video&limit=1&offset=0');
    expect(videos.body.data.media[0].id).toBe(first.id);
    const last = await client.call('GET', `/media?limit=100&offset=${body.data.total - 1}`);
    expect(last.body.data).toMatchObject({
      media: [expect.anything()],
      next_cursor: null,
      pagination: { has_more: false },
    });
  });

  it('is walked by cursor, and none is missed or shown twice when files come meanwhile', async () => {
    const before = (await client.call('GET', '/media?limit=100')).body.data;
    const seen: string[] = [];
    let page = (await client.call('GET', '/media?limit=2')).body.data;
    while (page.next_cursor !== null) {
      seen.push(...page.media_ids);
      expect(page.pagination.has_more).toBe(true);
      await uploadMedia(client, 'picture.webp', 'image/webp');
      page = (await client.call('GET', `/media?limit=2&cursor=${page.next_cursor}`)).body.data;
    }
    expect(page.pagination.has_more).toBe(false);
    expect([...seen, ...page.media_ids]).toEqual(before.media_ids);
  });

  it.each([
    'limit=0',
    'cursor=x',
    'cursor=MTIz&status=failed',
    'limit=101',
    'limit=x',
    'offset=-1',
    'type=audio',
    'limit=1.5',
  ])('refuses ?%s', async (query) => {
    const { status, body } = await client.call('GET', `/media?${query}`);
    expect([status, body.error.code]).toEqual([400, 'validation_error']);
  });

  it('hides unfinished uploads unless asked for them', async () => {
    const { body } = await client.presign(jpeg);
    const id = body.data.media_id;
    expect((await client.call('GET', '/media?limit=100')).body.data.media_ids).not.toContain(id);
    expect(
      (await client.call('GET', '/media?status=uploading&limit=100')).body.data.media_ids,
    ).toContain(id);
    expect((await client.get(id)).body.data).toMatchObject({ status: 'uploading', url: null });
  });

  it('deletes files and pending uploads, once', async () => {
    const before = await objectCount();
    const done = await uploadMedia(client, 'picture.png', 'image/png');
    const { id, url } = done.body.data;
    const deleted = await client.call('DELETE', `/media/${id}?force=true`);
    expect([deleted.status, deleted.body.data]).toEqual([
      200,
      { media_id: id, id, deleted: true, message: 'Media deleted.' },
    ]);
    expect((await fetch(url)).status).toBe(404);
    expect((await client.call('DELETE', `/media/${id}`)).body.error).toMatchObject({
      code: 'not_found',
      message: 'Media not found.',
    });
    const pending = await client.presign(jpeg);
    await client.put(pending.body.data.upload_url, fixture('photo.jpg'));
    expect((await client.call('DELETE', `/media/${pending.body.data.media_id}`)).status).toBe(200);
    expect((await client.put(pending.body.data.upload_url, fixture('photo.jpg'))).status).toBe(404);
    await expect.poll(objectCount, { timeout: 10_000 }).toBe(before);
  });

  it.each(['nonsense', '00000000-0000-7000-8000-000000000000', '..%2f..'])(
    'says the same of the unknown id %s',
    async (id) => {
      for (const [method, path] of [
        ['GET', ''],
        ['DELETE', ''],
        ['POST', '/complete'],
      ] as const) {
        const { status, body } = await client.call(method, `/media/${id}${path}`);
        expect([status, body.error.code, body.error.message]).toEqual([
          404,
          'not_found',
          'Media not found.',
        ]);
      }
    },
  );
});

describe('every answer', () => {
  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/media/a/b/c/d', 404],
    ['PATCH', '/media', 405],
    ['DELETE', '/media/upload', 405],
    ['GET', '/media/x/complete', 405],
  ])('%s %s is in the envelope', async (method, path, status) => {
    const answer = await client.call(method, path);
    expect(answer.status).toBe(status);
    expect(answer.body.data).toBeNull();
    expect(typeof answer.body.error.message).toBe('string');
    expect(answer.headers.get('x-request-id')).toBe(answer.body.meta.request_id);
    if (status === 405) {
      expect(answer.headers.get('allow')).toBeTruthy();
    }
  });

  it('without a key is 401 with WWW-Authenticate', async () => {
    for (const authorization of ['', 'Bearer nonsense', 'Basic YTpi', 'Bearer ']) {
      const answer = await client.call('GET', '/me', { headers: { authorization } });
      expect([answer.status, answer.body.error.code]).toEqual([401, 'unauthorized']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('takes the scheme in any case', async () => {
    for (const scheme of ['bearer', 'BEARER']) {
      expect(
        (
          await client.call('GET', '/me', {
            headers: { authorization: `${scheme} ${app.adminToken}` },
          })
        ).status,
      ).toBe(200);
    }
  });
});

describe('Idempotency-Key', () => {
  it('replays the answer, refuses another request, and lets go of failures', async () => {
    const headers = { 'idempotency-key': 'key-1' };
    const first = await client.presign(jpeg, headers);
    const again = await client.presign(jpeg, headers);
    expect(again.body.data).toEqual(first.body.data);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await client.presign({ ...jpeg, size: 5 }, headers)).body.error.code).toBe(
      'idempotency_key_conflict',
    );
    const failing = { 'idempotency-key': 'key-2' };
    expect((await client.presign({ ...jpeg, size: -1 }, failing)).status).toBe(400);
    expect((await client.presign(jpeg, failing)).status).toBe(201);
  });

  it('is the same for the same request, however it is written and on whatever base', async () => {
    const headers = { 'idempotency-key': 'same-request', 'content-type': 'application/json' };
    const first = await client.presign(jpeg, headers);
    for (const [base, body] of [
      ['/api/v1', '{"size":23780, "filename":"photo.jpg","content_type":"image/jpeg"}'],
      ['/v1', '{"content_type":"image/jpeg","filename":"photo.jpg","size":23780}'],
      ['/api/v1/api/v1', JSON.stringify(jpeg)],
      ['', JSON.stringify(jpeg)],
    ] as const) {
      const again = await mediaClient(app, base).call('POST', '/media/upload', { body, headers });
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      expect(again.body.data.media_id).toBe(first.body.data.media_id);
    }
  });

  it('holds for complete, and lets go of what failed', async () => {
    const bytes = fixture('photo.jpg');
    const { media_id: id, upload_url: url } = (await client.presign(jpeg)).body.data;
    const headers = { 'idempotency-key': 'complete-once' };
    const complete = () => client.call('POST', `/media/${id}/complete`, { headers });
    expect((await complete()).status).toBe(409);
    await client.put(url, bytes);
    const first = await complete();
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null]);
    const again = await complete();
    expect([again.status, again.headers.get('idempotency-replayed'), again.body.data]).toEqual([
      200,
      'true',
      first.body.data,
    ]);
  });

  it('makes one upload of many requests at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.presign(jpeg, { 'idempotency-key': 'key-3' })),
    );
    const ids = new Set(
      answers.filter(({ status }) => status === 201).map(({ body }) => body.data.media_id),
    );
    expect(ids.size).toBe(1);
    for (const { status, body } of answers) {
      if (status !== 201) {
        expect(body.error.code).toBe('idempotency_in_flight');
      }
    }
  });
});
