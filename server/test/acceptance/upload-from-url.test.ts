import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { type Answer, fixture, type MediaClient, mediaClient } from './media-client.ts';
import { bytes, endless, openSite, type RemoteSite, stalling, status } from './remote-site.ts';
import { storedObjects } from './requests.ts';

const config = {
  fetch: { allowedPrivateHosts: ['127.0.0.1'], maxImageBytes: 200_000, maxVideoBytes: 1_000_000 },
};

let app: Stowage;
let client: MediaClient;
let site: RemoteSite;
beforeAll(async () => {
  site = await openSite();
  app = await startStowage({ config });
  client = mediaClient(app);
});
afterAll(async () => {
  await app.stop();
  await site.close();
});

const importUrl = (
  url: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> =>
  client.call('POST', '/media/upload-from-url', { json: { url, ...more }, headers });

/** Serves the bytes under the path and imports them. */
function importBytes(
  path: string,
  content: Uint8Array,
  more: Record<string, unknown> = {},
): Promise<Answer> {
  site.on(path, bytes(content));
  return importUrl(`${site.url}${path}`, more);
}

async function settled(id: string, of = client): Promise<Answer['body']> {
  let media: Answer['body'];
  await expect
    .poll(
      async () => {
        media = (await of.get(id)).body.data;
        return media.media_status;
      },
      { timeout: 60_000, interval: 50 },
    )
    .not.toBe('uploading');
  return media;
}

/** A film that goes on long after the first bytes that are looked at: a box of nothing follows. */
const longFilm = Buffer.concat([
  fixture('clip-faststart.mp4'),
  Buffer.from([0, 3, 0, 0]),
  Buffer.from('free'),
  Buffer.alloc(0x30000 - 8),
]);

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe('images', () => {
  it.each([
    ['photo.jpg', 'image/jpeg', [320, 480]],
    ['picture.png', 'image/png', [160, 120]],
    ['animated.gif', 'image/gif', [96, 64]],
    ['picture.webp', 'image/webp', [200, 150]],
    ['picture.heic', 'image/heic', [256, 192]],
  ])(
    '%s is ready with the answer, whatever the remote calls it',
    async (name, contentType, [width, height]) => {
      const content = fixture(name);
      const { status: code, body } = await importBytes(`/pictures/${name}?size=big`, content);
      expect(code).toBe(201);
      const { data } = body;
      expect(data).toMatchObject({
        id: data.media_id,
        media_ids: [data.media_id],
        media_status: 'ready',
        status: 'ready',
        type: 'image',
        filename: name,
        size: content.length,
        content_type: contentType,
        source_url: `${site.url}/pictures/${name}?size=big`,
        next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${data.media_id}"] to POST /v1/posts.`,
        ...{ width, height },
      });
      const file = await fetch(data.url);
      expect(file.headers.get('content-type')).toBe(contentType);
      expect(sha256(await file.bytes())).toBe(sha256(content));
      expect((await client.get(data.media_id)).body.data).toMatchObject({
        media_status: 'ready',
        size: content.length,
      });
      expect((await client.call('GET', '/media')).body.data.media_ids).toContain(data.media_id);
    },
  );

  it.each([
    ['/a%20b%2Fc.png', 'a b_c.png'],
    ['/', 'import.png'],
    ['/download', 'download.png'],
    ['/100%.png', '100%.png'],
    ['/%E2%80%AE%00.png', '.png'],
    [`/${'x'.repeat(400)}`, `${'x'.repeat(249)}.png`],
  ])('from %s are named %s', async (path, name) => {
    const { body } = await importBytes(path, fixture('picture.png'));
    expect(body.data.filename).toBe(name);
  });

  it('have the name that was asked for', async () => {
    const { body } = await importBytes('/photo.jpg', fixture('photo.jpg'), {
      filename: 'Holiday.jpeg',
    });
    expect(body.data.filename).toBe('Holiday.jpeg');
  });

  it('are found through redirects, whose names do not count', async () => {
    site.on('/start.png', status(302, { location: '/elsewhere' }));
    site.on('/elsewhere', bytes(fixture('picture.png')));
    expect((await importUrl(`${site.url}/start.png`)).body.data.filename).toBe('start.png');
  });

  it('are imported under every base', async () => {
    site.on('/base.png', bytes(fixture('picture.png')));
    for (const base of ['/api/v1', '/v1', '']) {
      const { status: code } = await mediaClient(app, base).call('POST', '/media/upload-from-url', {
        json: { url: `${site.url}/base.png` },
      });
      expect(code).toBe(201);
    }
  });
});

describe('an Idempotency-Key', () => {
  it('gets the same answer without another fetch', async () => {
    site.on('/once.png', bytes(fixture('picture.png')));
    const headers = { 'idempotency-key': 'import-1' };
    const first = await importUrl(`${site.url}/once.png`, {}, headers);
    const second = await importUrl(`${site.url}/once.png`, {}, headers);
    expect(second.status).toBe(201);
    expect(second.body.data).toEqual(first.body.data);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(site.requests.filter((request) => request === 'GET /once.png')).toHaveLength(1);
    const other = await importUrl(`${site.url}/photo.jpg`, {}, headers);
    expect([other.status, other.body.error.code]).toEqual([422, 'idempotency_key_conflict']);
  });
});

describe('refused requests', () => {
  it.each([
    [{}, 400, 'validation_error'],
    [{ url: 7 }, 400, 'validation_error'],
    [{ url: '' }, 400, 'validation_error'],
    [{ url: 'x'.repeat(9000) }, 400, 'validation_error'],
    [{ url: 'https://example.com/a.png', filename: 'a/b.png' }, 400, 'validation_error'],
    [{ source_url: 'https://example.com/a.png' }, 400, 'invalid_field_name'],
    [{ url: 'photo.png' }, 400, 'invalid_url'],
    [{ url: 'ftp://example.com/a.png' }, 400, 'invalid_url'],
    [{ url: 'file:///etc/passwd' }, 400, 'invalid_url'],
    [{ url: 'https://user:word@example.com/a.png' }, 400, 'invalid_url'],
    [{ url: 'http://example.com:6379/' }, 400, 'invalid_url'],
    [{ url: 'http://127.0.0.2/a.png' }, 400, 'url_not_allowed'],
    [{ url: 'http://localhost/a.png' }, 400, 'url_not_allowed'],
    [{ url: 'http://169.254.169.254/latest/meta-data/' }, 400, 'url_not_allowed'],
    [{ url: 'http://2852039166/latest/meta-data/' }, 400, 'url_not_allowed'],
    [{ url: 'http://[::ffff:a9fe:a9fe]/' }, 400, 'url_not_allowed'],
  ])('%j: %d %s', async (json, code, name) => {
    const answer = await client.call('POST', '/media/upload-from-url', { json });
    expect([answer.status, answer.body.error.code, answer.body.data]).toEqual([code, name, null]);
  });

  it('need a key that may upload', async () => {
    const answer = await importUrl(`${site.url}/photo.jpg`, {}, { authorization: '' });
    expect([answer.status, answer.body.error.code]).toEqual([401, 'unauthorized']);
  });

  it('know no other method', async () => {
    const { status: code, headers } = await client.call('GET', '/media/upload-from-url');
    expect([code, headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  it('that redirect into the private net reach nothing there', async () => {
    const inner = await openSite('127.0.0.2');
    site.on('/inwards', status(302, { location: `${inner.url}/` }));
    const answer = await importUrl(`${site.url}/inwards`);
    expect([answer.status, answer.body.error.code]).toEqual([400, 'url_not_allowed']);
    expect(JSON.stringify(answer.body)).not.toContain('127.0.0.2');
    expect(inner.requests).toEqual([]);
    await inner.close();
  });
});

describe('failures', () => {
  it.each([403, 404, 500])(
    'of the remote (%d) are fetch_failed, without its words',
    async (code) => {
      site.on('/broken', status(code));
      const answer = await importUrl(`${site.url}/broken`);
      expect([answer.status, answer.body.error.code]).toEqual([422, 'fetch_failed']);
      expect(answer.body.error.details).toEqual({ upstream_status: code });
      expect(JSON.stringify(answer.body)).not.toContain('secret words');
    },
  );

  const gzipped = { 'content-encoding': 'gzip' };

  it.each<[string, Parameters<RemoteSite['on']>[1], number, string]>([
    [
      'a PDF',
      bytes(fixture('document.pdf'), { 'content-type': 'image/png' }),
      415,
      'unsupported_media_type',
    ],
    [
      'an SVG',
      bytes(fixture('vector.svg'), { 'content-type': 'image/png' }),
      415,
      'unsupported_media_type',
    ],
    [
      'a page',
      bytes(fixture('page.html'), { 'content-type': 'image/png' }),
      415,
      'unsupported_media_type',
    ],
    ['an AVIF', bytes(fixture('picture.avif')), 415, 'unsupported_media_type'],
    ['nothing', bytes(new Uint8Array()), 422, 'empty_file'],
    ['a cut image', bytes(fixture('picture.png').subarray(0, 5000)), 422, 'invalid_media'],
    [
      'a bomb',
      bytes(gzipSync(Buffer.concat([fixture('picture.png'), Buffer.alloc(30_000_000)])), gzipped),
      413,
      'file_too_large',
    ],
    [
      'an image cut off',
      (response) =>
        void response
          .writeHead(200, { 'content-length': 9000 })
          .write(fixture('picture.png'), () => response.destroy()),
      422,
      'fetch_failed',
    ],
    [
      'an announced large image',
      bytes(Buffer.concat([fixture('picture.png'), Buffer.alloc(200_000)])),
      413,
      'file_too_large',
    ],
    ['an endless image', endless(fixture('picture.png')), 413, 'file_too_large'],
    [
      'an announced large video',
      bytes(Buffer.concat([fixture('clip.mp4'), Buffer.alloc(1_000_000)])),
      413,
      'file_too_large',
    ],
  ])('%s', async (what, answer, code, name) => {
    const before = await storedObjects(app);
    const path = `/${what.replaceAll(' ', '-')}.png`;
    site.on(path, answer);
    const { status: got, body } = await importUrl(`${site.url}${path}`);
    expect([got, body.error.code]).toEqual([code, name]);
    if (code === 415) {
      expect(body.error.message).toContain('POST /media/upload');
    }
    await expect.poll(() => storedObjects(app), { timeout: 10_000 }).toEqual(before);
  });

  it('take nothing when the caller hangs up', async () => {
    const before = await storedObjects(app);
    site.on('/hang.png', stalling(fixture('photo.jpg')));
    const caller = new AbortController();
    const answer = app.fetch('/api/v1/media/upload-from-url', {
      method: 'POST',
      body: JSON.stringify({ url: `${site.url}/hang.png` }),
      signal: caller.signal,
    });
    await site.asked('/hang.png');
    caller.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => storedObjects(app), { timeout: 10_000 }).toEqual(before);
  });
});

describe('videos', () => {
  it('are fetched after the answer, and become ready under the same id', async () => {
    const content = fixture('clip.mp4');
    const { status: code, body } = await importBytes('/films/clip.mp4', content);
    expect(code).toBe(202);
    const id = body.data.media_id;
    expect(body.data).toMatchObject({
      media_ids: [id],
      media_status: 'uploading',
      type: 'video',
      filename: 'clip.mp4',
      content_type: 'video/mp4',
      source_url: `${site.url}/films/clip.mp4`,
      url: null,
    });
    expect(body.data.next_step).toContain(`GET /media/${id}`);
    const media = await settled(id);
    expect(media).toMatchObject({
      ...{
        media_id: id,
        media_status: 'ready',
        type: 'video',
        size: content.length,
        width: 320,
        height: 180,
        duration: 1,
      },
      error_message: null,
    });
    expect(sha256(await (await fetch(media.url)).bytes())).toBe(sha256(content));
    expect((await client.complete(id)).status).toBe(200);
  });

  it.each<[string, Parameters<RemoteSite['on']>[1], RegExp]>([
    ['that are endless', endless(fixture('clip-faststart.mp4')), /larger than the 1 MB limit/],
    ['that are cut', bytes(fixture('clip.mp4').subarray(0, 20_000)), /truncated|moov/],
  ])('%s fail with a reason', async (what, answer, reason) => {
    const before = await storedObjects(app);
    const path = `/${what.replaceAll(' ', '-')}.mp4`;
    site.on(path, answer);
    const { status: code, body } = await importUrl(`${site.url}${path}`);
    expect(code).toBe(202);
    const media = await settled(body.data.media_id);
    expect(media.media_status).toBe('failed');
    expect(media.error_message).toMatch(reason);
    const failed = await client.call('GET', '/media?status=failed');
    expect(failed.body.data.media_ids).toContain(media.media_id);
    expect((await client.complete(media.media_id)).body.error.code).toBe('media_failed');
    await expect.poll(() => storedObjects(app), { timeout: 10_000 }).toEqual(before);
  });

  it('fail when the second look finds something else, or nothing', async () => {
    const film = bytes(fixture('clip.mp4'));
    for (const [path, later, reason] of [
      ['/changed.mp4', bytes(fixture('document.pdf')), /no longer leads to an MP4/],
      ['/gone.mp4', status(410), /status 410/],
    ] as const) {
      site.on(path, (response, request) => {
        film(response, request);
        site.on(path, later);
      });
      const { body } = await importUrl(`${site.url}${path}`);
      const media = await settled(body.data.media_id);
      expect(media).toMatchObject({
        media_status: 'failed',
        error_message: expect.stringMatching(reason),
      });
    }
  });

  it('are tried again when the remote stumbles', async () => {
    const film = bytes(fixture('clip.mp4'));
    site.on('/stumbles.mp4', (response, request) => {
      film(response, request);
      site.on('/stumbles.mp4', (second) => {
        second.writeHead(503).end();
        site.on('/stumbles.mp4', film);
      });
    });
    const { body } = await importUrl(`${site.url}/stumbles.mp4`);
    expect(await settled(body.data.media_id)).toMatchObject({ media_status: 'ready' });
    expect(site.requests.filter((request) => request === 'GET /stumbles.mp4')).toHaveLength(3);
  });

  it('stop when they are deleted', async () => {
    site.on('/deleted.mp4', stalling(longFilm));
    const { body } = await importUrl(`${site.url}/deleted.mp4`);
    const id = body.data.media_id;
    await site.asked('/deleted.mp4', 2);
    const early = await client.complete(id);
    expect([early.status, early.body.error.code]).toEqual([409, 'conflict']);
    expect((await client.call('DELETE', `/media/${id}`)).status).toBe(200);
    expect((await client.get(id)).status).toBe(404);
  });
});

describe('a restart in the middle of a video', () => {
  it.each([
    ['told to', (stowage: Stowage) => stowage.terminate().then(() => stowage.start())],
    ['by kill -9', (stowage: Stowage) => stowage.crash()],
  ])(
    '%s: the video is fetched by the next process, once',
    { timeout: 90_000 },
    async (how, restart) => {
      const own = await startStowage({ config });
      try {
        const content = longFilm;
        const path = `/restart-${how.replaceAll(' ', '-')}.mp4`;
        site.on(path, stalling(content));
        const media = mediaClient(own);
        const { body } = await media.call('POST', '/media/upload-from-url', {
          json: { url: `${site.url}${path}` },
        });
        const id = body.data.media_id;
        await site.asked(path, 2);
        site.on(path, bytes(content));
        await restart(own);
        const ready = await settled(id, media);
        expect(ready).toMatchObject({ media_status: 'ready', size: content.length });
        expect(sha256(await (await fetch(ready.url)).bytes())).toBe(sha256(content));
        expect(site.requests.filter((request) => request === `GET ${path}`)).toHaveLength(3);
        expect(await storedObjects(own)).toHaveLength(1);
      } finally {
        await own.stop();
      }
    },
  );
});
