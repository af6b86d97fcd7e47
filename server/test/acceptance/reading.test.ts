import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { buffer as readBody } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import {
  exchange,
  filePart,
  multipartBody,
  postMultipart,
  pseudoRandomBytes,
  srcOf,
  upload,
} from './requests.ts';

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

const get = (src: string, headers: Record<string, string> = {}, method = 'GET') =>
  stowage.fetch(src, { method, headers: { authorization: '', ...headers } });
/** Without the headers that `fetch` adds. */
async function plainly(method: string, path: string, headers: Record<string, string>) {
  const sent = httpRequest(`${stowage.url}${path}`, { method, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return {
    status: response.statusCode,
    headers: response.headers,
    text: (await readBody(response)).toString(),
  };
}
const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('ranges (T7)', () => {
  const bytes = pseudoRandomBytes(1000);
  let src: string;
  let etag: string;
  let lastModified: string;
  beforeAll(async () => {
    src = await srcOf(upload(stowage, '', { bytes, name: 'ranges.bin' }));
    const { headers } = await get(src, {}, 'HEAD');
    etag = headers.get('etag') ?? '';
    lastModified = headers.get('last-modified') ?? '';
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-499', 0, 499],
    ['bytes=500-999', 500, 999],
    ['bytes=500-', 500, 999],
    ['bytes=999-', 999, 999],
    ['bytes=-1', 999, 999],
    ['bytes=-500', 500, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=900-5000', 900, 999],
    ['bytes=0-99999999999999999999', 0, 999],
    ['BYTES=1-2', 1, 2],
    ['bytes= 1-2', 1, 2],
  ])('%s', async (range, start, end) => {
    const response = await get(src, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/1000`);
    expect(response.headers.get('content-length')).toBe(String(end - start + 1));
    expect(await bodyOf(response)).toEqual(bytes.subarray(start, end + 1));
  });

  it.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=99999999999999999999-', 'bytes=-0'])(
    '%s is beyond the end',
    async (range) => {
      const response = await get(src, { range });
      expect([response.status, response.headers.get('content-range')]).toEqual([
        416,
        'bytes */1000',
      ]);
      expect((await bodyOf(response)).length).toBe(0);
      expect(response.headers.get('cache-control')).toBe('no-store');
    },
  );

  it.each([
    'bytes=5-1',
    'bytes=a-b',
    'bytes=',
    'bytes',
    'items=0-1',
    'bytes=-',
    'bytes=1.5-2',
    'bytes=--5',
    '',
  ])('%j is no range: the whole', async (range) => {
    const response = await get(src, { range });
    expect(response.status).toBe(200);
    expect(await bodyOf(response)).toEqual(bytes);
  });

  it('several at once are answered with the whole', async () => {
    const response = await get(src, { range: 'bytes=0-1,5-6' });
    expect(response.status).toBe(200);
    expect(await bodyOf(response)).toEqual(bytes);
  });

  it('count with the right If-Range only', async () => {
    for (const [validator, status] of [
      [etag, 206],
      [lastModified, 206],
      ['"other"', 200],
      [`W/${etag}`, 200],
      ['Thu, 01 Jan 1970 00:00:00 GMT', 200],
      ['nonsense', 200],
    ] as const) {
      expect(
        (await get(src, { range: 'bytes=0-1', 'if-range': validator })).status,
        validator,
      ).toBe(status);
    }
  });

  it('of an empty file', async () => {
    const empty = await srcOf(upload(stowage, '', { bytes: '' }));
    expect((await get(empty, { range: 'bytes=0-' })).status).toBe(416);
    expect((await get(empty, { range: 'bytes=0-' })).headers.get('content-range')).toBe(
      'bytes */0',
    );
    expect((await get(empty)).status).toBe(200);
  });
});

describe('conditions', () => {
  let src: string;
  let etag: string;
  beforeAll(async () => {
    src = await srcOf(upload(stowage));
    etag = (await get(src)).headers.get('etag') ?? '';
  });

  it('have a strong ETag that says the same of the same bytes', async () => {
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect((await get(await srcOf(upload(stowage)))).headers.get('etag')).toBe(etag);
    expect(
      (await get(await srcOf(upload(stowage, '', { bytes: 'other' })))).headers.get('etag'),
    ).not.toBe(etag);
  });

  it('answer 304 without a body, with what caches need', async () => {
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': `"x", W/${etag}` },
      { 'if-none-match': '*' },
    ]) {
      const response = await get(src, headers);
      expect(response.status).toBe(304);
      expect((await bodyOf(response)).length).toBe(0);
      for (const name of ['etag', 'cache-control', 'access-control-allow-origin']) {
        expect(response.headers.get(name)).toBeTruthy();
      }
    }
    const modified = (await get(src)).headers.get('last-modified') ?? '';
    expect((await get(src, { 'if-modified-since': modified })).status).toBe(304);
    // If-None-Match counts, If-Modified-Since does not then.
    expect((await get(src, { 'if-none-match': '"x"', 'if-modified-since': modified })).status).toBe(
      200,
    );
    expect((await get(src, { 'if-none-match': etag, range: 'bytes=0-0' })).status).toBe(304);
    expect((await get(src, { 'if-match': '"x"' })).status).toBe(412);
  });
});

describe('HEAD', () => {
  it('answers the headers of GET, for every kind of answer', async () => {
    const src = await srcOf(upload(stowage, '', { name: '日本 1.txt' }));
    const etag = (await get(src)).headers.get('etag') ?? '';
    const requests: [string, Record<string, string>][] = [
      [src, {}],
      [src, { 'if-none-match': etag }],
      ['/file/none.jpg', {}],
      ['/file/%zz', {}],
    ];
    for (const [path, headers] of requests) {
      const [wanted, head] = [await get(path, headers), await get(path, headers, 'HEAD')];
      expect((await bodyOf(head)).length).toBe(0);
      await wanted.arrayBuffer();
      const listOf = (response: Response) =>
        [...response.headers].filter(
          ([name]) => !['date', 'x-request-id', 'connection', 'keep-alive'].includes(name),
        );
      expect([head.status, listOf(head)]).toEqual([wanted.status, listOf(wanted)]);
    }
  });
});

describe('headers', () => {
  it('say how to keep it, and that anybody may show it', async () => {
    const response = await get(await srcOf(upload(stowage, '', { name: 'a.png' })));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': expect.stringMatching(/public, max-age=(2592000|31536000)/),
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
      'cross-origin-resource-policy': 'cross-origin',
    });
  });

  it.each([
    ['plain.txt', 'plain.txt'],
    ['with space.txt', 'with space.txt'],
    ['q"uo"te.txt', 'q"uo"te.txt'],
    ['semi;colon=equals.txt', 'semi;colon=equals.txt'],
    ['100%.txt', '100%.txt'],
    ['图片.txt', '图片.txt'],
    ['emoji😀.txt', 'emoji😀.txt'],
    ['naïve’s (1)*.txt', 'naïve’s (1)*.txt'],
    ['cr%0D%0ASet-Cookie: x=1%0D%0A.txt', 'crSet-Cookie: x=1.txt'],
    ['tab\there.txt', 'tabhere.txt'],
    ['\u202efdp.txt', 'fdp.txt'],
  ])('give the name %j back (T19)', async (name, expected) => {
    const src = await srcOf(
      postMultipart(
        stowage,
        '/upload',
        multipartBody([filePart('x', name.replaceAll('"', '\\"'))]),
      ),
    );
    const { headers } = await get(src);
    const disposition = headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(
      /^inline; filename="[\x20\x21\x23-\x7e]*"(; filename\*=UTF-8''[A-Za-z0-9%!#$&+.^_`|~-]+)?$/,
    );
    const extended = /filename\*=UTF-8''(.*)$/.exec(disposition)?.[1];
    const plain = /filename="([^"]*)"/.exec(disposition)?.[1];
    expect(extended === undefined ? plain : decodeURIComponent(extended)).toBe(expected);
    expect(headers.get('set-cookie')).toBeNull();
  });

  it('sniff the type, whatever the sender said', async () => {
    for (const [bytes, name, said, expected] of [
      ['GIF89a\x01\x00\x01\x00', 'a.html', 'text/html', 'image/gif'],
      ['<!DOCTYPE html><script>1</script>', 'a.png', 'image/png', 'text/plain; charset=utf-8'],
      ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'a.jpg', 'image/jpeg', 'image/svg+xml'],
      ['plain words', 'a.txt', 'text/plain', 'text/plain; charset=utf-8'],
      ['{"a":1}', 'a.json', 'application/json', 'application/json; charset=utf-8'],
      ['alert(1)', 'a.js', 'text/javascript', 'text/plain; charset=utf-8'],
    ] as const) {
      const { headers } = await get(await srcOf(upload(stowage, '', { bytes, name, type: said })));
      expect(headers.get('content-type'), name).toBe(expected);
    }
  });
});

describe('addresses', () => {
  it('are found encoded and raw, and with commas for slashes', async () => {
    const src = await srcOf(
      upload(stowage, '?uploadFolder=多/a&uploadNameType=origin', { name: '图.txt' }),
    );
    expect(src).toBe(encodeURI('/file/多/a/图.txt'));
    for (const path of [
      src,
      '/file/%E5%A4%9A%2Fa%2F%E5%9B%BE.txt',
      encodeURI('/file/多,a,图.txt'),
      `${src}?x=1`,
    ]) {
      expect((await get(path)).status, path).toBe(200);
    }
  });

  it.each(['/file/none.jpg', '/file/a/b/c', '/file/', '/file'])(
    '%s is not found, in plain text',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(404);
      if (path === '/file/none.jpg') {
        expect(await response.text()).toBe('Error: Image Not Found');
        expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
        expect(response.headers.get('cache-control')).toBe('no-store');
      }
    },
  );

  it('tell a person in a browser on a page, and programs as text', async () => {
    const chrome =
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
    const asked: [Record<string, string>, boolean][] = [
      [{ accept: chrome, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, true],
      [{ accept: chrome }, true],
      [{ accept: chrome, 'sec-fetch-mode': 'no-cors' }, false],
      [{ accept: 'image/avif,image/webp,image/*,*/*;q=0.8' }, false],
      [{ accept: '*/*' }, false],
      [{ accept: 'application/json, text/html' }, false],
    ];
    for (const path of ['/file/none.jpg', '/file/%00']) {
      for (const [headers, page] of asked) {
        const response = await plainly('GET', path, headers);
        expect(response.headers['cache-control']).toBe('no-store');
        expect(response.headers['content-type'], `${path} ${JSON.stringify(headers)}`).toMatch(
          page ? /^text\/html/ : /^text\/plain/,
        );
        expect(response.text.startsWith('Error: ')).toBe(!page);
        if (page) {
          expect(response.headers['content-security-policy']).toMatch(
            /^default-src 'none'.*sandbox$/,
          );
        }
        const head = await plainly('HEAD', path, headers);
        expect([head.status, head.headers['content-length']]).toEqual([
          response.status,
          response.headers['content-length'],
        ]);
      }
    }
  });

  it.each(['/file/%zz', '/file/%', '/file/%c0%ae', '/file/%00', '/file/a%0d%0ab'])(
    '%s cannot be decoded',
    async (path) => {
      const response = await get(path);
      expect([response.status, await response.text()]).toEqual([
        400,
        'Error: Decode Image ID Failed',
      ]);
    },
  );

  it.each([
    '/file/../../etc/passwd',
    '/file/..%2f..%2f..%2fetc%2fpasswd',
    '/file/%2e%2e/%2e%2e/etc/passwd',
    '/file/..%252f..%252fetc%252fpasswd',
    '/file/..\\..\\etc\\passwd',
    '/file//etc/passwd',
    `/file/${'a/'.repeat(3000)}`,
    `/file/${'%61'.repeat(3000)}`,
  ])('%.40s leads nowhere', async (path) => {
    const answer = await exchange(
      stowage.url,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404|414) /);
    expect(answer).not.toContain('root:');
  });

  it('take no other method', async () => {
    const src = await srcOf(upload(stowage));
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const response = await get(src, {}, method);
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toContain('GET');
    }
  });

  it('answer preflights', async () => {
    const response = await get(
      '/file/any.jpg',
      { origin: 'https://a.example', 'access-control-request-headers': 'range' },
      'OPTIONS',
    );
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-methods')).toMatch(/GET.*HEAD/);
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('range');
    expect(response.headers.get('access-control-expose-headers')).toMatch(/Content-Range/);
  });

  it('let errors be read by other pages', async () => {
    expect((await get('/file/none.jpg')).headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('a reader who leaves', () => {
  it('stops the read and harms nobody', async () => {
    const src = await srcOf(upload(stowage, '', { bytes: pseudoRandomBytes(8_000_000) }));
    for (let n = 0; n < 10; n++) {
      const leaving = new AbortController();
      const response = await stowage.fetch(src, { signal: leaving.signal });
      await response.body?.getReader().read();
      leaving.abort();
    }
    expect((await bodyOf(await get(src))).length).toBe(8_000_000);
  });
});
