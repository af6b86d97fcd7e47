import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, type Stowage, startStowage } from './harness.ts';
import {
  eventually,
  exchange,
  fieldPart,
  filePart,
  jsonOf,
  multipartBody,
  postMultipart,
  pseudoRandomBytes,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';

let stowage: Stowage;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-files-'));
  stowage = await startStowage();
});
afterAll(async () => {
  await stowage?.stop();
  await rm(folder, { recursive: true, force: true });
});

const read = async (src: string) =>
  Buffer.from(await (await stowage.fetch(src, { headers: { authorization: '' } })).arrayBuffer());

describe('POST /upload', () => {
  it('answers an array of one src and nothing else, as JSON', async () => {
    const response = await upload(stowage);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const answer = await jsonOf<{ src: string }[]>(response);
    expect(answer).toEqual([{ src: expect.stringMatching(/^\/file\/\d{13}_hello\.txt$/) }]);
    expect(await read(answer[0]?.src ?? '')).toEqual(Buffer.from('hello'));
  });

  it('takes what curl sends, with and without a length', async () => {
    const bytes = pseudoRandomBytes(300_000);
    const path = join(folder, 'photo one.bin');
    await writeFile(path, bytes);
    const authorization = ['-H', `Authorization: Bearer ${stowage.adminToken}`];
    const known = JSON.parse(
      String(await curl(...authorization, '-F', `file=@${path}`, `${stowage.url}/upload`)),
    );
    const chunked = JSON.parse(
      String(
        await curl(
          ...authorization,
          '-H',
          'Transfer-Encoding: chunked',
          '-F',
          `file=@${path}`,
          `${stowage.url}/upload`,
        ),
      ),
    );
    for (const [{ src }] of [known, chunked]) {
      expect(await read(src)).toEqual(bytes);
    }
  });

  it('takes a body that curl pipes through, whatever the method', async () => {
    const path = join(folder, 'form');
    await writeFile(path, multipartBody([filePart('piped')]));
    const type = ['-H', 'Content-Type: multipart/form-data; boundary=frontier'];
    const authorization = ['-H', `Authorization: Bearer ${stowage.adminToken}`];
    const put = await curl(
      ...authorization,
      ...type,
      '-H',
      'Transfer-Encoding: chunked',
      '-T',
      path,
      `${stowage.url}/upload`,
    );
    expect(await read(JSON.parse(String(put))[0].src)).toEqual(Buffer.from('piped'));
  });

  it('stores the empty file', async () => {
    const src = await srcOf(upload(stowage, '', { bytes: '', name: 'empty.txt' }));
    const response = await stowage.fetch(src);
    expect([
      response.status,
      response.headers.get('content-length'),
      await response.text(),
    ]).toEqual([200, '0', '']);
  });

  it('takes options from the form where the query has none, before and after the file', async () => {
    const before = multipartBody([fieldPart('uploadFolder', 'form/before'), filePart('a')]);
    const after = multipartBody([
      filePart('a'),
      fieldPart('uploadFolder', 'form/after'),
      fieldPart('uploadNameType', 'origin'),
    ]);
    expect(await srcOf(postMultipart(stowage, '/upload', before))).toMatch(
      /^\/file\/form\/before\/\d+_hello\.txt$/,
    );
    expect(await srcOf(postMultipart(stowage, '/upload', after))).toBe(
      '/file/form/after/hello.txt',
    );
    expect(await srcOf(postMultipart(stowage, '/upload?uploadFolder=query', before))).toMatch(
      /^\/file\/query\//,
    );
  });

  it('lets the first of a repeated parameter win', async () => {
    expect(await srcOf(upload(stowage, '?uploadFolder=one&uploadFolder=two'))).toMatch(
      /^\/file\/one\//,
    );
    const form = multipartBody([
      fieldPart('uploadFolder', 'one'),
      fieldPart('uploadFolder', 'two'),
      filePart('a'),
    ]);
    expect(await srcOf(postMultipart(stowage, '/upload', form))).toMatch(/^\/file\/one\//);
    expect(await srcOf(upload(stowage, '?__proto__=x&constructor=y&uploadFolder=safe'))).toMatch(
      /^\/file\/safe\//,
    );
  });

  it('ignores unknown and empty parameters', async () => {
    const query =
      '?uploadFolder=&channelName=&uploadChannel=&returnFormat=&uploadNameType=odd&serverCompress=true&what=ever';
    expect(await srcOf(upload(stowage, query))).toMatch(/^\/file\/\d{13}_hello\.txt$/);
  });

  it('takes a part without Content-Type and a name in RFC 8187 form', async () => {
    const bare = multipartBody([
      { headers: ['Content-Disposition: form-data; name="file"; filename="a.txt"'], body: 'bare' },
    ]);
    expect(
      String(
        await read(await srcOf(postMultipart(stowage, '/upload?uploadNameType=origin', bare))),
      ),
    ).toBe('bare');
    const extended = multipartBody([
      {
        headers: [
          `Content-Disposition: form-data; name="file"; filename="x.txt"; filename*=UTF-8''%E5%9B%BE.png`,
        ],
        body: 'named',
      },
    ]);
    expect(await srcOf(postMultipart(stowage, '/upload?uploadNameType=origin', extended))).toBe(
      '/file/%E5%9B%BE.png',
    );
  });

  it('takes cfr2, local, unknown and missing channels to the local disk', async () => {
    for (const channel of ['cfr2', 'CFR2', 'local', 'telegram', 'unheard-of']) {
      const src = await srcOf(upload(stowage, `?uploadChannel=${channel}&channelName=none`));
      expect(String(await read(src)), channel).toBe('hello');
    }
  });
});

describe('returnFormat and publicUrl', () => {
  it('gives a full URL on request', async () => {
    expect(await srcOf(upload(stowage, '?returnFormat=full'))).toMatch(
      new RegExp(`^${stowage.url}/file/\\d{13}_hello\\.txt$`),
    );
    expect(await srcOf(upload(stowage, '?returnFormat=FULL'))).toMatch(/^\/file\//);
  });
});

describe('uploadNameType', () => {
  const nameOf = async (type: string, name: string) =>
    (await srcOf(upload(stowage, `?uploadNameType=${type}`, { name, type: '' }))).slice(
      '/file/'.length,
    );

  it.each([
    ['default', 'cat one.jpg', /^\d{13}_cat_one\.jpg$/],
    ['index', 'cat.jpg', /^\d{13}\.jpg$/],
    ['origin', 'cat-only-once.jpg', /^cat-only-once\.jpg$/],
    ['short', 'cat.jpg', /^[A-Za-z0-9]{8}\.jpg$/],
    ['nonsense', 'cat.jpg', /^\d{13}_cat\.jpg$/],
    ['index', 'picture.avif', /^\d{13}\.avif$/],
    ['short', 'movie.mov', /^[A-Za-z0-9]{8}\.mov$/],
  ])('%s of %s', async (type, name, expected) => {
    expect(await nameOf(type, name)).toMatch(expected);
  });

  it('numbers what collides', async () => {
    expect(await nameOf('origin', 'twice.tar.gz')).toBe('twice.tar.gz');
    expect(await nameOf('origin', 'twice.tar.gz')).toBe('twice.tar(1).gz');
    expect(await nameOf('origin', 'LICENSE')).toBe('LICENSE');
    expect(await nameOf('origin', 'LICENSE')).toBe('(1)LICENSE');
    expect(String(await read('/file/twice.tar(1).gz'))).toBe('hello');
    expect(String(await read('/file/twice.tar%281%29.gz'))).toBe('hello');
  });

  it('keeps 200 parallel uploads of one name apart (T6)', async () => {
    const sent = Array.from({ length: 200 }, (_, index) => `body ${index}`);
    const sources = await Promise.all(
      sent.map((bytes) =>
        srcOf(
          upload(stowage, '?uploadNameType=origin&uploadFolder=t6', { bytes, name: 'same.txt' }),
        ),
      ),
    );
    expect(new Set(sources).size).toBe(200);
    expect(await Promise.all(sources.map(async (src) => String(await read(src))))).toEqual(sent);
  });
});

describe('names and folders (T1)', () => {
  const longName = `${'n'.repeat(4096)}.png`;
  const names: readonly (readonly [string, RegExp])[] = [
    ['100%.png', /^\d+_100_\.png$/],
    ['50%25.png', /^\d+_50_\.png$/],
    ['../../etc/passwd', /^_\/_\/etc\/\d+_passwd$|^\d+_passwd$|^etc\/\d+_passwd$/],
    ['..%2f..%2fetc%2fpasswd', /\d+_passwd$/],
    ['%2e%2e%2fpasswd', /\d+_passwd$/],
    ['..%252fpasswd', /passwd$/],
    ['..\\..\\windows\\win.ini', /win\.ini$/],
    ['..', /^\d+__+$/],
    ['.', /^\d+__+$/],
    ['CON.txt', /CON\.txt$/],
    ['nul', /nul$/],
    ['a\u0000b.png', /^\d+_ab\.png$/],
    ['a%0D%0Ab.png', /^\d+_ab\.png$/],
    ['%00.png', /\.png$/],
    ['%c0%ae%c0%ae%c0%afetc', /etc$/],
    ['<script>alert(1)</script>.svg', /\.svg$/],
    ['"quoted" & \'single\'.txt', /\.txt$/],
    ['图片 (1).png', /^\d+_图片__1_\.png$/],
    ['e\u0301.txt', /^\d+_é\.txt$/],
    ['\u202egnp.exe', /gnp\.exe$/],
    ['😀.png', /^\d+_😀\.png$/],
    [longName, /^\d{13}_n+\.png$/],
    ['.htaccess', /\.htaccess$/],
    ['-rf', /-rf$/],
  ];

  it.each(names.map(([name, expected]) => [name.slice(0, 40), name, expected] as const))(
    'name %j',
    async (_, name, expected) => {
      // Raw header bytes: FormData would escape some of these.
      const body = multipartBody([filePart('nasty', name.replaceAll('"', '\\"'))]);
      const src = await srcOf(postMultipart(stowage, '/upload', body));
      expect(src).toMatch(/^[\x21-\x7e]+$/);
      const path = decodeURIComponent(src.slice('/file/'.length));
      expect(path).toMatch(expected);
      for (const segment of path.split('/')) {
        expect(segment).not.toMatch(/^\.{0,2}$/);
        expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255);
      }
      expect(path).not.toMatch(/[\p{Cc}\\<>"'|?*%#]/u);
      expect(String(await read(src))).toBe('nasty');
      expect(String(await read(`/file/${path.split('/').map(encodeURIComponent).join('/')}`))).toBe(
        'nasty',
      );
    },
  );

  it.each([
    ['img/test', 'img/test'],
    ['/img//test/', 'img/test'],
    ['a\\b', 'a/b'],
    ['../../etc', '_/_/etc'],
    ['./here', '_/here'],
    ['%2e%2e%2fup', '_/up'],
    ['a%20b', 'a_b'],
    ['100%', '100_'],
    ['sp ace/(x)', 'sp_ace/_x_'],
    ['日本語/フォルダ', '日本語/フォルダ'],
    ['a\u0000b', 'ab'],
    ['   ', ''],
    ['///', ''],
    ['con/aux', '_con/_aux'],
    ['a\ufffdb', 'a_b'],
  ])('folder %j becomes %j', async (given, expected) => {
    const query = `?uploadNameType=origin&uploadFolder=${encodeURIComponent(given)}`;
    const src = await srcOf(upload(stowage, query, { name: 'in-folder.txt' }));
    const path = decodeURIComponent(src.slice('/file/'.length));
    expect(path.split('/').slice(0, -1).join('/')).toBe(expected);
    expect(String(await read(src))).toBe('hello');
  });

  it('cuts a folder of 4 KB and still serves the file', async () => {
    const src = await srcOf(upload(stowage, `?uploadFolder=${'d/'.repeat(2048)}`));
    expect(src.length).toBeLessThan(1100);
    expect(String(await read(src))).toBe('hello');
  });

  it('takes the folder from the file name when none is given', async () => {
    const body = multipartBody([filePart('x', 'trip/day 1/sea.jpg')]);
    expect(await srcOf(postMultipart(stowage, '/upload', body))).toMatch(
      /^\/file\/trip\/day_1\/\d+_sea\.jpg$/,
    );
    expect(await srcOf(postMultipart(stowage, '/upload?uploadFolder=mine', body))).toMatch(
      /^\/file\/mine\/\d+_sea\.jpg$/,
    );
  });
});

describe('refusals', () => {
  const post = async (init: {
    headers?: Record<string, string>;
    body?: string | Uint8Array<ArrayBuffer>;
  }) => {
    const response = await stowage.fetch('/upload', { method: 'POST', ...init });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  };
  const multipart = (parameters: string) => ({
    'content-type': `multipart/form-data${parameters}`,
  });

  it('says in plain text that there is no file', async () => {
    expect(
      await post({
        headers: multipart('; boundary=frontier'),
        body: multipartBody([fieldPart('other', 'x')]),
      }),
    ).toEqual({
      status: 400,
      type: expect.stringMatching(/^text\/plain/),
      text: 'Error: No file provided',
    });
  });

  it('says that a text field is no file', async () => {
    const body = multipartBody([fieldPart('file', 'just text')]);
    expect(await post({ headers: multipart('; boundary=frontier'), body })).toMatchObject({
      status: 400,
      text: 'Error: fileType or fileName is wrong, check the integrity of this file!',
    });
  });

  const nested = multipartBody([
    {
      headers: [
        'Content-Disposition: form-data; name="file"',
        'Content-Type: multipart/mixed; boundary=inner',
      ],
      body: '--inner--',
    },
  ]);
  const whole = multipartBody([filePart('cut')]);
  const manyParts = Buffer.from(
    `${'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'.repeat(1_000_000)}--frontier--\r\n`,
  );
  const hugeHeader = multipartBody([
    {
      headers: [
        'Content-Disposition: form-data; name="file"; filename="a"',
        `X-Big: ${'x'.repeat(1_000_000)}`,
      ],
      body: 'a',
    },
  ]);
  const hugeField = multipartBody([
    fieldPart('uploadFolder', 'x'.repeat(1_000_000)),
    filePart('a'),
  ]);

  it.each([
    ['no content type', {}, 'hello'],
    ['JSON', { 'content-type': 'application/json' }, '{}'],
    ['no body', multipart('; boundary=frontier'), ''],
    ['no boundary and garbage', multipart(''), 'garbage without any boundary'],
    ['garbage', multipart('; boundary=frontier'), 'this is not multipart'],
    [
      'truncated in the file',
      multipart('; boundary=frontier'),
      whole.subarray(0, whole.indexOf('cut') + 2),
    ],
    ['truncated before the end', multipart('; boundary=frontier'), whole.subarray(0, -18)],
    ['truncated in the headers', multipart('; boundary=frontier'), whole.subarray(0, 40)],
    ['nested', multipart('; boundary=frontier'), nested],
    ['a million parts', multipart('; boundary=frontier'), manyParts],
    ['a huge header', multipart('; boundary=frontier'), hugeHeader],
    ['urlencoded', { 'content-type': 'application/x-www-form-urlencoded' }, 'file=x'],
  ] as const)('answers 400 to %s (T13)', async (_, headers, body) => {
    const answer = await post({ headers: { ...headers }, body: body as Uint8Array<ArrayBuffer> });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/^Error: \S/);
    expect(answer.type).toMatch(/^text\/plain/);
  });

  it('answers 413 to a field that is larger than any field (T13)', async () => {
    expect(
      await post({ headers: multipart('; boundary=frontier'), body: hugeField }),
    ).toMatchObject({ status: 413 });
  });

  it('finds the boundary in the body when the header lacks it (T13)', async () => {
    expect(await post({ headers: multipart(''), body: whole })).toMatchObject({ status: 200 });
  });

  it('keeps serving and leaves nothing behind (T13)', async () => {
    const before = await storedObjects(stowage);
    await post({ headers: multipart('; boundary=frontier'), body: whole.subarray(0, -18) });
    const request = `POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stowage.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: 100000\r\n\r\n`;
    // Hangs up in the middle of the file.
    const socket = connect(Number(new URL(stowage.url).port), '127.0.0.1');
    await new Promise<void>((resolve) =>
      socket.write(request + whole.subarray(0, 120).toString(), () => resolve()),
    );
    socket.destroy();
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
    expect((await upload(stowage)).status).toBe(200);
  });

  it('answers 400 to broken chunked encoding', async () => {
    const answer = await exchange(
      stowage.url,
      `POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stowage.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('answers 431 to huge request headers', async () => {
    const answer = await exchange(
      stowage.url,
      `GET /upload HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe('the size limit', () => {
  let small: Stowage;
  beforeAll(async () => {
    small = await startStowage({
      env: {
        STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '100000',
        STOWAGE_URL_PREFIX: 'https://cdn.example/i/',
      },
    });
  });
  afterAll(() => small?.stop());

  it('answers 413 and leaves nothing behind, with and without a length', async () => {
    const tooLarge = multipartBody([filePart(pseudoRandomBytes(100_001))]);
    const farTooLarge = multipartBody([filePart(pseudoRandomBytes(5_000_000))]);
    for (const body of [tooLarge, farTooLarge]) {
      const known = await postMultipart(small, '/upload', body);
      expect([known.status, await known.text()]).toEqual([
        413,
        'Error: The file is larger than allowed.',
      ]);
      const streamed = await small.fetch('/upload', {
        method: 'POST',
        duplex: 'half',
        headers: { 'content-type': 'multipart/form-data; boundary=frontier' },
        body: new Blob([body]).stream(),
      });
      expect([streamed.status, await streamed.text()]).toEqual([
        413,
        'Error: The file is larger than allowed.',
      ]);
    }
    await eventually(async () => expect(await storedObjects(small)).toEqual([]));
    expect(
      (await postMultipart(small, '/upload', multipartBody([filePart(pseudoRandomBytes(100_000))])))
        .status,
    ).toBe(200);
  });

  it('refuses an announced size before the body is sent', async () => {
    const answer = await exchange(
      small.url,
      `POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${small.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n`,
      'larger than allowed',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('adds publicUrl when a prefix is configured', async () => {
    const [answer] = await jsonOf<unknown[]>(
      upload(small, '?uploadFolder=a&uploadNameType=origin&returnFormat=full'),
    );
    expect(answer).toEqual({
      src: `${small.url}/file/a/hello.txt`,
      publicUrl: 'https://cdn.example/i/a/hello.txt',
    });
  });
});

describe('CORS', () => {
  it('lets pages of other origins upload with the authCode header', async () => {
    const preflight = await stowage.fetch('/upload', {
      method: 'OPTIONS',
      headers: {
        authorization: '',
        origin: 'https://blog.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authcode, authorization, content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toMatch(/\bPOST\b/);
    expect(preflight.headers.get('access-control-max-age')).toBe('86400');
    const allowed = preflight.headers
      .get('access-control-allow-headers')
      ?.toLowerCase()
      .split(/, */);
    expect(allowed).toEqual(expect.arrayContaining(['content-type', 'authorization', 'authcode']));
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('is on every answer, errors included', async () => {
    const answers = [
      await upload(stowage),
      await stowage.fetch('/upload', { method: 'POST', headers: { authorization: '' } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
    for (const answer of answers) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});

describe('GET /api/channels', () => {
  it('lists the six types always, and the local channel', async () => {
    const response = await stowage.fetch('/api/channels');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      telegram: [],
      cfr2: [],
      s3: [],
      discord: [],
      huggingface: [],
      webdav: [],
    });
  });

  it('wants any credentials', async () => {
    const response = await stowage.fetch('/api/channels', { headers: { authorization: '' } });
    expect([response.status, await response.json()]).toEqual([401, { error: 'Unauthorized' }]);
  });

  it('answers 405 to other methods', async () => {
    const response = await stowage.fetch('/api/channels', { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toContain('GET');
  });
});
