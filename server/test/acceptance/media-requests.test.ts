import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { type Body, fixture, type MediaClient, mediaClient, uploadMedia } from './media-client.ts';
import { exchange, fileForm } from './requests.ts';
import { createToken } from './tokens.ts';

let app: Stowage;
let client: MediaClient;
beforeAll(async () => {
  app = await startStowage();
  client = mediaClient(app);
});
afterAll(() => app.stop());

const jpeg = { filename: 'photo.jpg', content_type: 'image/jpeg', size: 23780 };

describe('requests that tell half of it', () => {
  const bytes = fixture('photo.jpg');

  it.each([
    ['PUT', 'bytes 0-4999/23780'],
    ['PUT', 'bytes */23780'],
    ['POST', 'bytes 0-4999/23780'],
  ])('%s with Content-Range %s is refused before anything is stored', async (method, range) => {
    const { upload_url: url, media_id: id } = (await client.presign(jpeg)).body.data;
    const response = await fetch(url, {
      method,
      headers: { 'content-range': range },
      body: bytes.subarray(0, 5000),
    });
    expect([response.status, ((await response.json()) as Body).error.code]).toEqual([
      400,
      'bad_request',
    ]);
    expect((await client.complete(id)).body.error.code).toBe('upload_not_received');
  });

  it('a form with Content-Range is refused by /upload, too', async () => {
    const headers = { 'content-range': 'bytes 0-4/10' };
    const response = await app.fetch('/upload', { method: 'POST', headers, body: fileForm() });
    expect([response.status, await response.text()]).toEqual([
      400,
      'Error: A part of a file cannot be stored by Content-Range. Send the whole file, or its chunks.',
    ]);
  });

  it.each(['gzip', 'br', 'aws-chunked', 'identity, gzip', 'GZIP'])(
    'a Content-Encoding %s is refused at once',
    async (encoding) => {
      const { upload_url: url } = (await client.presign(jpeg)).body.data;
      const response = await client.put(url, bytes, { 'content-encoding': encoding });
      expect([response.status, ((await response.json()) as Body).error.code]).toEqual([
        415,
        'unsupported_media_type',
      ]);
      const json = await client.call('POST', '/media/upload', {
        json: jpeg,
        headers: { 'content-encoding': encoding },
      });
      expect(json.status).toBe(415);
    },
  );

  it('a body that is said to be as it is, is taken', async () => {
    const { upload_url: url } = (await client.presign(jpeg)).body.data;
    expect((await client.put(url, bytes, { 'content-encoding': 'identity' })).status).toBe(200);
  });

  it('a PUT that announces no body is 411, an empty one is not', async () => {
    const { upload_url: url } = (await client.presign(jpeg)).body.data;
    const { pathname, search } = new URL(url);
    const answer = await exchange(
      app.url,
      `PUT ${pathname}${search} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 411 [\s\S]*Content-Length/);
    expect((await client.put(url, new Uint8Array(0))).status).toBe(200);
  });

  it('If-None-Match wants to be the first, or to bring other bytes', async () => {
    const { upload_url: url, media_id: id } = (await client.presign(jpeg)).body.data;
    const first = await client.put(url, bytes, { 'if-none-match': '*' });
    expect(first.status).toBe(200);
    const again = await client.put(url, bytes, { 'if-none-match': '*' });
    expect([again.status, ((await again.json()) as Body).error.code]).toEqual([
      412,
      'precondition_failed',
    ]);
    const same = await client.put(url, bytes, {
      'if-none-match': `"x", ${first.headers.get('etag')}`,
    });
    expect(same.status).toBe(412);
    expect((await client.put(url, bytes, { 'if-none-match': '"x"' })).status).toBe(200);
    expect((await client.complete(id)).status).toBe(200);
  });

  it('of many with If-None-Match: * at once, one succeeds', async () => {
    const { upload_url: url } = (await client.presign(jpeg)).body.data;
    const all = await Promise.all(
      Array.from({ length: 6 }, () => client.put(url, bytes, { 'if-none-match': '*' })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412]);
  });

  it('an answer to the bytes says where the media is', async () => {
    const { upload_url: url, media_id: id } = (await client.presign(jpeg)).body.data;
    const response = await client.postForm(url, bytes);
    expect(response.headers.get('location')).toBe(`${app.url}/api/v1/media/${id}`);
  });

  it('browsers may send whatever headers they like', async () => {
    const { upload_url: url } = (await client.presign(jpeg)).body.data;
    const headers = {
      origin: 'https://page.example',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type,x-amz-meta-name',
    };
    const preflight = await fetch(url, { method: 'OPTIONS', headers });
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-amz-meta-name');
  });
});

describe('names and types of step 1', () => {
  it.each([
    ['photo.jpg', 'image/jpg', 'image/jpeg'],
    ['photo.jpg', 'image/x-citrix-jpeg', 'image/jpeg'],
    ['IMG_1.HEIC', 'application/octet-stream', 'image/heic'],
    ['clip.mp4', '', 'video/mp4'],
    ['paper.pdf', 'undefined', 'application/pdf'],
  ])('%s as %j is %s', async (filename, content_type, meant) => {
    const { status, body } = await client.presign({ filename, content_type, size: 5 });
    expect([status, (await client.get(body.data.media_id)).body.data.content_type]).toEqual([
      201,
      meant,
    ]);
  });

  it.each(['.', '..', '   ', ' . ', '\n', '\u202e\u200f'])('%j is no name', async (filename) => {
    const { status, body } = await client.presign({ ...jpeg, filename });
    expect([status, body.error.details.field]).toEqual([400, 'filename']);
  });

  it('what nobody can see in a name is taken out', async () => {
    const { body } = await client.presign({ ...jpeg, filename: 'a\r\nb\u202egpj.jpg' });
    expect((await client.get(body.data.media_id)).body.data.filename).toBe('abgpj.jpg');
  });

  it('0 of what is not known is taken, anything else is said in words', async () => {
    const { status, body } = await client.presign({ ...jpeg, width: 0, height: 0, duration: 0 });
    expect(status).toBe(201);
    expect((await client.get(body.data.media_id)).body.data).toMatchObject({
      width: null,
      height: null,
      duration: null,
    });
    for (const [wrong, words] of [
      [{ width: -1 }, 'width must be a whole number of pixels, from 0 to 1000000.'],
      [{ height: 1.5 }, 'height must be a whole number of pixels, from 0 to 1000000.'],
      [{ duration: '5' }, 'duration must be a number of seconds, 0 or more.'],
    ] as const) {
      expect((await client.presign({ ...jpeg, ...wrong })).body.error.message).toBe(words);
    }
  });

  it('the link of a PNG that is called x.jpg ends in .png', async () => {
    const bytes = fixture('picture.png');
    const { upload_url: url, media_id: id } = (
      await client.presign({ ...jpeg, filename: 'x.jpg', size: bytes.length })
    ).body.data;
    await client.put(url, bytes);
    const { data } = (await client.complete(id)).body;
    expect(data).toMatchObject({ filename: 'x.jpg', content_type: 'image/png' });
    expect(data.url).toMatch(/\.png$/);
    expect((await client.complete(id)).body.data).toEqual(data);
  });
});

describe('who asks', () => {
  it('is told that no key came', async () => {
    const { status, body } = await client.call('GET', '/me', { headers: { authorization: '' } });
    expect([status, body.error.code]).toEqual([401, 'unauthorized']);
    expect(body.error.message).toBe('No API key. Send Authorization: Bearer <key>.');
  });

  it('is told in the words of the API what a key may do', async () => {
    for (const [permissions, scopes] of [
      [['list'], ['read']],
      [['upload'], ['write']],
      [
        ['list', 'delete'],
        ['read', 'write'],
      ],
    ] as const) {
      const { headers } = await createToken(app, permissions);
      const { data } = (await client.call('GET', '/me', { headers })).body;
      expect(data).toMatchObject({
        scopes,
        permissions,
        api_key: { scopes },
        user: { email: 'owner@localhost' },
      });
    }
  });

  it('completes no file of others', async () => {
    const { body } = await uploadMedia(client, 'photo.jpg', 'image/jpeg');
    const { headers } = await createToken(app, ['upload']);
    const { status } = await client.call('POST', `/media/${body.data.id}/complete`, { headers });
    expect(status).toBe(404);
  });

  it.each(['[', '{"a":'])(
    'is told that a JSON body of thousands of %s is too deep, with an Idempotency-Key as well',
    async (open) => {
      const levels = 20_000;
      const filler = `${open.repeat(levels)}1${(open === '[' ? ']' : '}').repeat(levels)}`;
      const body = `${JSON.stringify(jpeg).slice(0, -1)},"filler":${filler}}`;
      const headers = { 'content-type': 'application/json', 'idempotency-key': `deep ${open}` };
      for (const path of ['/media/upload', '/media/upload-from-url']) {
        const answer = await client.call('POST', path, { headers, body });
        expect([path, answer.status, answer.body.error.code]).toEqual([path, 400, 'invalid_json']);
      }
    },
  );

  it('is told that a JSON body is too large, not a file', async () => {
    const { status, body } = await client.presign({ ...jpeg, filler: 'x'.repeat(300_000) });
    expect([status, body.error.message]).toEqual([413, 'The JSON body is larger than 256 KiB.']);
  });
});

it.each(['uploading', 'failed'])('lists of what is %s have kinds, too', async (status) => {
  const made = [
    jpeg,
    { filename: 'a.mp4', content_type: 'video/mp4', size: 9 },
    { filename: 'a.pdf', content_type: 'application/pdf', size: 9 },
  ];
  const ids: string[] = [];
  for (const fields of made) {
    const { media_id: id, upload_url: url } = (await client.presign(fields)).body.data;
    ids.push(id);
    if (status === 'failed') {
      await client.put(url, Buffer.from('no media'));
    }
    if (status === 'failed') {
      expect((await client.complete(id)).status).toBe(422);
    }
  }
  for (const [at, type] of ['image', 'video', 'document'].entries()) {
    const { media, total } = (await client.call('GET', `/media?status=${status}&type=${type}`)).body
      .data;
    expect(media[0].id).toBe(ids[at]);
    expect(media.every((item: Body) => item.type === type && item.status === status)).toBe(true);
    expect(total).toBe(media.length);
  }
});

describe('a picture that is a page as well', () => {
  const photo = fixture('photo.jpg');

  it.each([
    ['with a page in its comment', fixture('jpeg-html.jpg'), 'text/html'],
    [
      'with a script behind it',
      Buffer.concat([photo, Buffer.from('<script>alert(1)</script>')]),
      'text/html',
    ],
    [
      'with an SVG behind it',
      Buffer.concat([photo, Buffer.from('<svg onload="alert(1)"/>')]),
      'image/svg+xml',
    ],
  ])('%s is refused', async (_, bytes, detected) => {
    const { media_id: id, upload_url: url } = (
      await client.presign({ ...jpeg, size: bytes.length })
    ).body.data;
    await client.put(url, bytes);
    const { status, body } = await client.complete(id);
    expect([status, body.error.code, body.error.details.detected]).toEqual([
      422,
      'content_type_mismatch',
      detected,
    ]);
    expect((await client.get(id)).body.data.status).toBe('failed');
  });

  it('is taken when it is a video as well', async () => {
    const bytes = Buffer.concat([photo, fixture('clip.mp4')]);
    const { media_id: id, upload_url: url } = (
      await client.presign({ ...jpeg, size: bytes.length })
    ).body.data;
    await client.put(url, bytes);
    expect((await client.complete(id)).status).toBe(200);
  });
});
