import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import { exchange, fileForm, jsonOf, srcOf, upload } from './requests.ts';
import { createToken, type MadeToken } from './tokens.ts';

describe('who may upload', () => {
  let stowage: Stowage;
  let token: MadeToken;
  let reader: MadeToken;

  beforeAll(async () => {
    stowage = await startStowage({ env: { STOWAGE_AUTH_CODE: 'secret code' } });
    token = await createToken(stowage, ['upload']);
    reader = await createToken(stowage, ['list']);
  });
  afterAll(() => stowage?.stop());

  const good = encodeURIComponent('secret code');
  const cases: readonly (readonly [
    string,
    number,
    () => [query: string, headers: Record<string, string>],
  ])[] = [
    ['nothing', 401, () => ['', {}]],
    ['a bearer token', 200, () => ['', { authorization: `Bearer ${token.token}` }]],
    [
      'a bearer token, scheme in lower case',
      200,
      () => ['', { authorization: `bearer ${token.token}` }],
    ],
    ['a bare token', 200, () => ['', { authorization: token.token }]],
    ['a token of another scheme', 401, () => ['', { authorization: `Basic ${token.token}` }]],
    ['a wrong token', 401, () => ['', { authorization: 'Bearer wrong' }]],
    ['a token without the permission', 401, () => ['', reader.headers]],
    ['the code in the query', 200, () => [`?authCode=${good}`, {}]],
    [
      'the code in the query of the Referer',
      200,
      () => ['', { referer: `https://any.example/page?a=b&authCode=${good}` }],
    ],
    ['the code in the header', 200, () => ['', { authCode: 'secret code' }]],
    ['the code in a cookie', 200, () => ['', { cookie: `other=1; authCode=${good}; more=2` }]],
    ['a wrong code', 401, () => ['?authCode=wrong', {}]],
    ['an empty code', 401, () => ['?authCode=', {}]],
    ['the code as a bearer token', 401, () => ['', { authorization: 'Bearer secret code' }]],
    [
      'a wrong token and the code',
      200,
      () => [`?authCode=${good}`, { authorization: 'Bearer wrong' }],
    ],
    [
      'a token without the permission and the code',
      200,
      () => ['', { ...reader.headers, authCode: 'secret code' }],
    ],
    ['a token and an empty code', 200, () => ['?authCode=', token.headers]],
    ['a token and a wrong code', 200, () => ['?authCode=wrong', token.headers]],
    [
      'an empty code in the query and the right one in the header',
      200,
      () => ['?authCode=', { authCode: 'secret code' }],
    ],
    [
      'a wrong code in the query and the right one in the cookie',
      200,
      () => ['?authCode=wrong', { cookie: `authCode=${good}` }],
    ],
    [
      'the code in a cookie of a foreign page (T22)',
      401,
      () => ['', { cookie: `authCode=${good}`, origin: 'https://evil.example' }],
    ],
    [
      'the code in a cookie, cross-site (T22)',
      401,
      () => ['', { cookie: `authCode=${good}`, 'sec-fetch-site': 'cross-site' }],
    ],
    [
      'the code in a cookie of our own page',
      200,
      () => ['', { cookie: `authCode=${good}`, origin: stowage.url }],
    ],
    [
      'the code in a header of a foreign page',
      200,
      () => ['', { authCode: 'secret code', origin: 'https://blog.example' }],
    ],
    ['a prefix of the code', 401, () => ['?authCode=secret', {}]],
  ];

  it.each(cases)('%s: %i', async (_, status, request) => {
    const [query, headers] = request();
    const response = await stowage.fetch(`/upload${query}`, {
      method: 'POST',
      body: fileForm(),
      headers: { authorization: '', ...headers },
    });
    expect(response.status).toBe(status);
    const text = await response.text();
    if (status !== 401) {
      return;
    }
    expect(text).toBe('Unauthorized');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('lets the code upload and nothing else', async () => {
    const headers = { authorization: '', authCode: 'secret code', cookie: `authCode=${good}` };
    for (const [method, path] of [
      ['GET', '/media'],
      ['GET', '/me'],
      ['GET', '/api/manage/apiTokens'],
      ['GET', `/api/manage/delete/x?authCode=${good}`],
    ] as const) {
      expect((await stowage.fetch(path, { method, headers })).status, path).toBe(401);
    }
    expect((await stowage.fetch('/api/channels', { headers })).status).toBe(200);
  });

  it('is decided before the body is asked for', async () => {
    const head = (authorization: string) =>
      `POST /upload HTTP/1.1\r\nHost: x\r\n${authorization}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n`;
    const refused = await exchange(stowage.url, head(''), 'Unauthorized');
    expect(refused).toMatch(/^HTTP\/1\.1 401 /);
    expect(refused).not.toContain('100 Continue');
    const welcome = await exchange(
      stowage.url,
      head(`Authorization: Bearer ${token.token}\r\n`),
      '\r\n\r\n',
    );
    expect(welcome).toMatch(/^HTTP\/1\.1 100 Continue/);
  });

  it('is answered to clients that never send their body', async () => {
    const request =
      'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n';
    expect(await exchange(stowage.url, request, 'Unauthorized')).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('a code with odd characters', () => {
  it('works wherever it is sent', async () => {
    const stowage = await startStowage({ env: { STOWAGE_AUTH_CODE: 'p%C3 a+b&c=d;e"' } });
    try {
      const good = encodeURIComponent('p%C3 a+b&c=d;e"');
      const attempts: [string, Record<string, string>][] = [
        [`?authCode=${good}`, {}],
        ['', { referer: `${stowage.url}/?authCode=${good}` }],
        ['', { authCode: 'p%C3 a+b&c=d;e"' }],
        ['', { cookie: `authCode=${good}` }],
      ];
      for (const [query, headers] of attempts) {
        const response = await stowage.fetch(`/upload${query}`, {
          method: 'POST',
          body: fileForm(),
          headers: { authorization: '', ...headers },
        });
        expect(response.status, JSON.stringify([query, headers])).toBe(200);
      }
    } finally {
      await stowage.stop();
    }
  });
});

describe('without an upload code', () => {
  it('nobody uploads without a token (T8)', async () => {
    const stowage = await startStowage();
    try {
      for (const query of ['', '?authCode=', '?authCode=undefined', '?authCode=null']) {
        expect(
          (
            await stowage.fetch(`/upload${query}`, {
              method: 'POST',
              body: fileForm(),
              headers: { authorization: '' },
            })
          ).status,
        ).toBe(401);
      }
    } finally {
      await stowage.stop();
    }
  });

  it('everybody uploads, and does nothing else, where the owner allows it', async () => {
    const stowage = await startStowage({ env: { STOWAGE_ALLOW_ANONYMOUS_UPLOADS: 'true' } });
    try {
      const headers = { authorization: '' };
      const src = await srcOf(
        stowage.fetch('/upload', { method: 'POST', body: fileForm(), headers }),
      );
      expect(
        (
          await stowage.fetch('/upload?authCode=wrong', {
            method: 'POST',
            body: fileForm(),
            headers,
          })
        ).status,
      ).toBe(200);
      for (const path of [
        '/media',
        '/me',
        '/api/manage/apiTokens',
        `/api/manage/delete/${src.slice(6)}`,
      ]) {
        expect((await stowage.fetch(path, { headers })).status, path).toBe(401);
      }
      expect((await stowage.fetch(src)).status).toBe(200);
    } finally {
      await stowage.stop();
    }
  });

  it('the server does not listen where others could reach it (T8)', async () => {
    await expect(
      startStowage({ env: { HOST: '0.0.0.0', STOWAGE_ADMIN_TOKEN: '' } }),
    ).rejects.toThrow(/no credentials yet/);
    await expect(startStowage({ env: { HOST: '::', STOWAGE_ADMIN_TOKEN: '' } })).rejects.toThrow(
      /no credentials yet/,
    );
    const allowed = await startStowage({
      env: { HOST: '0.0.0.0', STOWAGE_ADMIN_TOKEN: '', STOWAGE_AUTH_CODE: 'something to say' },
    });
    await allowed.stop();
  });
});

describe('permissions and routes (T11)', () => {
  let stowage: Stowage;
  const tokens: Record<string, MadeToken> = {};
  const permissions = ['upload', 'list', 'delete', 'manage'] as const;

  beforeAll(async () => {
    // Guesses of one address are slowed down: here every request comes from another.
    stowage = await startStowage({ env: { STOWAGE_TRUST_PROXY: 'loopback' } });
    for (const permission of permissions) {
      tokens[permission] = await createToken(stowage, [permission]);
    }
  });
  afterAll(() => stowage?.stop());

  // Method, path, who may; bodies are such that nothing happens.
  const routes: readonly (readonly [
    method: string,
    path: string,
    permission: (typeof permissions)[number] | 'any',
  ])[] = [
    ...['', '/v1', '/api/v1'].flatMap(
      (base) =>
        [
          ['POST', `${base}/media/upload`, 'upload'],
          ['POST', `${base}/media/upload-from-url`, 'upload'],
          ['POST', `${base}/media/none/complete`, 'upload'],
          ['GET', `${base}/media`, 'list'],
          ['GET', `${base}/media/none`, 'list'],
          ['DELETE', `${base}/media/none`, 'delete'],
          ['GET', `${base}/me`, 'any'],
          ['GET', `${base}/accounts`, 'any'],
          ['GET', `${base}/platform-rules`, 'any'],
        ] as const,
    ),
    ['POST', '/upload', 'upload'],
    ['GET', '/upload', 'upload'],
    ['PUT', '/upload', 'upload'],
    ['POST', '/upload?initChunked=true', 'upload'],
    ['POST', '/upload?chunked=true', 'upload'],
    ['POST', '/upload?chunked=true&merge=true', 'upload'],
    ['GET', '/upload?cleanup=true&uploadId=none', 'upload'],
    ['POST', '/upload?cleanup=true&uploadId=none', 'upload'],
    ['GET', '/upload/status?uploadId=none', 'upload'],
    ...['/upload/huggingface', '/api/huggingface'].flatMap(
      (base) =>
        [
          ['POST', `${base}/getUploadUrl`, 'upload'],
          ['POST', `${base}/commitUpload`, 'upload'],
          ['POST', `${base}/completeMultipart`, 'upload'],
        ] as const,
    ),
    ['GET', '/api/channels', 'any'],
    ['GET', '/api/directoryTree', 'any'],
    ['POST', '/api/fetchRes', 'upload'],
    ['GET', '/api/manage/cusConfig/list', 'manage'],
    ['GET', '/api/manage/cusConfig/files', 'manage'],
    ['GET', '/api/manage/cusConfig/blockipList', 'manage'],
    ['POST', '/api/manage/cusConfig/blockip', 'manage'],
    ['POST', '/api/manage/cusConfig/whiteip', 'manage'],
    ['GET', '/api/manage/batch/list', 'manage'],
    ['GET', '/api/manage/batch/settings', 'manage'],
    ['POST', '/api/manage/batch/restore/chunk', 'manage'],
    ['GET', '/api/manage/batch/index/config', 'manage'],
    ['POST', '/api/manage/batch/index/chunk', 'manage'],
    ['POST', '/api/manage/batch/index/finalize', 'manage'],
    ['GET', '/api/manage/ai/tags', 'manage'],
    ['POST', '/api/manage/ai/tags', 'manage'],
    ['POST', '/api/manage/ai/test', 'manage'],
    ['POST', '/api/manage/tags/apply', 'manage'],
    ['GET', '/api/manage/channels', 'manage'],
    ['POST', '/api/manage/channels', 'manage'],
    ['PUT', '/api/manage/channels/order', 'manage'],
    ['PATCH', '/api/manage/channels/none', 'manage'],
    ['DELETE', '/api/manage/channels/none', 'manage'],
    ['GET', '/api/manage/quota', 'manage'],
    ['POST', '/api/manage/quota', 'manage'],
    ['GET', '/api/manage/sysConfig/upload', 'manage'],
    ['POST', '/api/manage/sysConfig/upload', 'manage'],
    ['GET', '/api/manage/sysConfig/security', 'manage'],
    ['POST', '/api/manage/sysConfig/security', 'manage'],
    ['GET', '/api/manage/sysConfig/page', 'manage'],
    ['POST', '/api/manage/sysConfig/page', 'manage'],
    ['GET', '/api/manage/sysConfig/others', 'manage'],
    ['POST', '/api/manage/sysConfig/others', 'manage'],
    ['GET', '/api/manage/sysConfig/ai', 'manage'],
    ['GET', '/api/manage/apiTokens', 'manage'],
    ['POST', '/api/manage/apiTokens', 'manage'],
    ['PUT', '/api/manage/apiTokens', 'manage'],
    ['DELETE', '/api/manage/apiTokens', 'manage'],
    ['GET', '/api/manage/sessions', 'manage'],
    ['DELETE', '/api/manage/sessions', 'manage'],
    ['POST', '/api/manage/channels/none/test', 'manage'],
    ['GET', '/api/manage/delete/none.jpg', 'delete'],
    ['POST', '/api/manage/delete/none.jpg', 'delete'],
    ['DELETE', '/api/manage/delete/none.jpg', 'delete'],
    ['DELETE', '/api/manage/delete/list/none.jpg', 'delete'],
    ['POST', '/api/manage/delete/batch', 'delete'],
    ['GET', '/api/manage/delete/none?folder=true', 'delete'],
    ['GET', '/api/manage/list', 'list'],
    ['GET', '/api/manage/list?action=info', 'list'],
    ['GET', '/api/manage/move/none.jpg?dist=x', 'manage'],
    ['POST', '/api/manage/move/list/none.jpg?dist=x', 'manage'],
    ['POST', '/api/manage/rename/none.jpg', 'manage'],
    ['POST', '/api/manage/move/none.jpg?dist=x', 'manage'],
    ['PATCH', '/api/manage/metadata/none.jpg', 'manage'],
    ['PATCH', '/api/manage/metadata/list/none.jpg', 'manage'],
    ['GET', '/api/manage/tags/none.jpg', 'manage'],
    ['POST', '/api/manage/tags/none.jpg', 'manage'],
    ['POST', '/api/manage/tags/batch', 'manage'],
    ['GET', '/api/manage/tags/autocomplete', 'manage'],
    ['GET', '/api/manage/block/delete/none.jpg', 'manage'],
    ['POST', '/api/manage/block/none.jpg', 'manage'],
    ['POST', '/api/manage/white/none.jpg', 'manage'],
    ['GET', '/api/manage/white/none.jpg', 'manage'],
    ['POST', '/api/manage/access/none.jpg', 'manage'],
  ];
  const open = [
    ...['/file/', '/relay/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'],
    // By credentials of their own, which no token replaces.
    ...['/api/auth/', '/setup'],
    // Open to everyone, or by a setting.
    ...['/api/userConfig', '/api/bing/wallpaper', '/api/public/list', '/random'],
  ];

  let calls = 0;
  const call = async (method: string, path: string, headers: Record<string, string>) => {
    const address = { 'x-forwarded-for': `10.1.${(calls / 256) | 0}.${calls++ % 256}` };
    const response = await stowage.fetch(path, {
      method,
      headers: { ...headers, ...address },
      ...(method === 'GET' ? {} : { body: '{}' }),
    });
    await response.body?.cancel();
    return response.status;
  };

  it.each(routes)('%s %s wants %s', async (method, path, wanted) => {
    expect(await call(method, path, { authorization: '' })).toBe(401);
    expect(
      await call(method, path, {
        authorization: 'Bearer stowage_00000000000000000000000000000000',
      }),
    ).toBe(401);
    for (const permission of permissions) {
      const status = await call(method, path, { ...tokens[permission]?.headers });
      const allowed = ![401, 403].includes(status);
      expect(allowed, `${permission}: ${status}`).toBe(wanted === 'any' || wanted === permission);
      expect(status).not.toBe(500);
    }
  });

  it('leaves out no documented route', async () => {
    const { paths } = await jsonOf<{ paths: Record<string, Record<string, unknown>> }>(
      stowage.fetch('/openapi.json'),
    );
    const known = routes.map(
      ([method, path]) => `${method} ${path.split('?')[0]?.replace(/\/none(\.jpg)?/, '/{}')}`,
    );
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations)
        .filter((method) => /^(get|post|put|patch|delete)$/.test(method))
        .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`),
    );
    const isOpen = (route: string) =>
      open.some((prefix) => route.split(' ')[1]?.startsWith(prefix));
    expect(documented.length).toBeGreaterThan(10);
    expect(documented.filter((route) => !isOpen(route) && !known.includes(route))).toEqual([]);
  });

  it('knows no other address', async () => {
    for (const path of [
      '/api/manage',
      '/api/manage/',
      '/api/manage/nothing',
      '/admin',
      '/api/manage/sysConfig/nothing',
      '/.env',
      '/data/stowage.db',
    ]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expect([401, 404, 405], `${method} ${path}`).toContain(await call(method, path, {}));
      }
    }
  });
});

describe('who guesses (T23, T27)', () => {
  const code = 'the right code';
  let stowage: Stowage;

  beforeAll(async () => {
    stowage = await startStowage({
      env: { STOWAGE_AUTH_CODE: code, STOWAGE_TRUST_PROXY: 'loopback' },
    });
  });
  afterAll(() => stowage?.stop());

  interface Attempt {
    readonly from: string;
    readonly code?: string;
    readonly headers?: Record<string, string>;
  }
  const attempt = ({ from, code: guess, headers }: Attempt) =>
    stowage.fetch(`/upload${guess === undefined ? '' : `?authCode=${encodeURIComponent(guess)}`}`, {
      method: 'POST',
      body: fileForm(),
      headers: { authorization: '', 'x-forwarded-for': from, ...headers },
    });
  const statuses = async (attempts: readonly Attempt[]) => {
    const answers = await Promise.all(attempts.map(attempt));
    return Map.groupBy(answers, ({ status }) => status);
  };
  const guesses = (
    count: number,
    from: (n: number) => string,
    headers: (n: number) => Record<string, string> = () => ({}),
  ) =>
    Array.from({ length: count }, (_, n) => ({
      from: from(n),
      code: `guess ${n}`,
      headers: headers(n),
    }));
  const withinSeconds = async (from: string) => {
    const startedAt = performance.now();
    const { status } = await attempt({ from, code });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    return status;
  };

  it.each<[string, (n: number) => string, number]>([
    ['one IPv4 address', () => '198.51.100.1', 30],
    ['one IPv6 /64', (n) => `2001:db8:1:1::${n.toString(16)}`, 30],
    ['one IPv6 /48', (n) => `2001:db8:2:${n.toString(16)}::1`, 60],
  ])('from %s is slowed down and refused, the right code gets in', async (_, from, free) => {
    const answers = await statuses(guesses(free + 10, from));
    expect(answers.get(401)).toHaveLength(free);
    const [refused] = answers.get(429) ?? [];
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(await refused?.text()).toMatch(/^Error: Too many/);
    expect(await withinSeconds(from(0))).toBe(200);
    expect(await withinSeconds('198.51.100.200')).toBe(200);
  });

  it.each<[string, (n: number) => Record<string, string>]>([
    [
      'the first of several addresses',
      (n) => ({ 'x-forwarded-for': `203.0.113.${n}, 198.51.100.2` }),
    ],
    [
      'another X-Real-IP',
      (n) => ({ 'x-forwarded-for': '198.51.100.3', 'x-real-ip': `203.0.113.${n}` }),
    ],
    [
      'another X-Forwarded-For',
      (n) => ({ 'x-forwarded-for': `203.0.113.${n}`, 'x-real-ip': '198.51.100.4' }),
    ],
    [
      'headers that nobody is asked for',
      (n) => ({ 'x-forwarded-for': '198.51.100.5', 'cf-connecting-ip': `203.0.113.${n}` }),
    ],
  ])('with %s gains nothing', async (_, headers) => {
    const answers = await statuses(guesses(40, () => '', headers));
    expect(answers.get(429)?.length).toBeGreaterThanOrEqual(10);
  });

  it('in four places of each request has four guesses each', async () => {
    const attempts = Array.from({ length: 10 }, (_, n) => ({
      from: '198.51.100.6',
      code: `query ${n}`,
      headers: {
        referer: `http://any.example/?authCode=r${n}`,
        authCode: `header ${n}`,
        cookie: `authCode=c${n}`,
      },
    }));
    expect((await statuses(attempts)).get(429)).toHaveLength(2);
  });

  it('with a token that lacks the permission is counted, too', async () => {
    const { headers } = await createToken(stowage, ['list']);
    const answers = await statuses(
      guesses(
        40,
        () => '198.51.100.7',
        () => headers,
      ),
    );
    expect(answers.get(429)).toHaveLength(10);
  });

  it('by mistake, with one stale code again and again, is not slowed down', async () => {
    const answers = await statuses(
      Array.from({ length: 60 }, () => ({ from: '198.51.100.8', code: 'stale' })),
    );
    expect(answers.get(401)).toHaveLength(60);
    const startedAt = performance.now();
    expect((await attempt({ from: '198.51.100.8', code })).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });

  it('tokens does not slow codes down, and has to wait', async () => {
    const from = '198.51.100.9';
    const wrong = Array.from({ length: 40 }, (_, n) => ({
      from,
      headers: { authorization: `Bearer wrong${n}` },
    }));
    expect((await statuses(wrong)).get(429)).toHaveLength(10);
    const startedAt = performance.now();
    const last = await attempt({ from, headers: { authorization: 'Bearer one more' } });
    expect(last.status).toBe(429);
    expect(performance.now() - startedAt).toBeGreaterThan(1500);
    expect((await attempt({ from, code })).status).toBe(200);
    const { headers } = await createToken(stowage, ['upload']);
    expect((await attempt({ from, headers })).status).toBe(200);
    expect(
      (await attempt({ from, headers: { authorization: `Bearer ${stowage.adminToken}` } })).status,
    ).toBe(200);
  });

  it('is slowed down more with every guess', async () => {
    const times: number[] = [];
    for (let n = 0; n < 7; n++) {
      const startedAt = performance.now();
      await attempt({ from: '198.51.100.10', code: `wrong ${n}` });
      times.push(performance.now() - startedAt);
    }
    expect(times[6]).toBeGreaterThan(700);
    expect(times[5]).toBeGreaterThan(350);
  });
});

describe('forged headers (T4)', () => {
  const forged = {
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '127.0.0.1',
    forwarded: 'host=evil.example;proto=https',
    'x-real-ip': '127.0.0.1',
  };

  it('give nothing', async () => {
    const stowage = await startStowage();
    try {
      const full = await srcOf(
        stowage.fetch('/upload?returnFormat=full', {
          method: 'POST',
          body: fileForm(),
          headers: forged,
        }),
      );
      expect(full).toMatch(new RegExp(`^${stowage.url}/file/`));
      const odd = await exchange(
        stowage.url,
        `POST /upload?returnFormat=full HTTP/1.1\r\nHost: evil"><script>\r\nAuthorization: Bearer ${stowage.adminToken}\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 89\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n\r\n\r\n`,
      );
      expect(odd).not.toContain('script');
      // Metrics are for this machine: whoever comes through a proxy on it is somewhere else.
      const metrics = async (headers: Record<string, string>) =>
        (await stowage.fetch('/metrics', { headers: { authorization: '', ...headers } })).status;
      expect([await metrics({}), await metrics(forged)]).toEqual([200, 401]);
      const refused = await stowage.fetch('/upload', {
        method: 'POST',
        headers: { authorization: '', ...forged, referer: `${stowage.url}/` },
      });
      expect(refused.status).toBe(401);
    } finally {
      await stowage.stop();
    }
  });

  it('count from a trusted proxy', async () => {
    const stowage = await startStowage({ env: { STOWAGE_TRUST_PROXY: 'loopback' } });
    try {
      const full = await srcOf(
        stowage.fetch('/upload?returnFormat=full', {
          method: 'POST',
          body: fileForm(),
          headers: forged,
        }),
      );
      expect(full).toMatch(/^https:\/\/evil\.example\/file\//);
    } finally {
      await stowage.stop();
    }
  });
});

describe('an unreadable database (T5)', () => {
  it('keeps the server from starting', async () => {
    const stowage = await startStowage();
    const { dataDir } = stowage;
    try {
      await stowage.kill();
      const files = (await readdir(dataDir)).filter((name) => /\.(db|sqlite)/.test(name));
      expect(files.length).toBeGreaterThan(0);
      for (const name of files) {
        await writeFile(
          join(dataDir, name),
          'this is no database, whatever its name says'.repeat(100),
        );
      }
      await expect(stowage.start()).rejects.toThrow(/exited with 1/);
    } finally {
      await stowage.stop();
    }
  });

  describe.skipIf(postgresMissing)('on PostgreSQL', () => {
    let postgres: PostgresService;
    let stowage: Stowage;
    beforeAll(async () => {
      postgres = await startPostgres();
      stowage = await startStowage({
        env: { ...nodeEnv(postgres.url), STOWAGE_AUTH_CODE: 'right code' },
      });
    });
    afterAll(async () => {
      await stowage?.stop();
      await postgres?.stop();
    });

    it('lets nobody in, and everybody back when it returns', async () => {
      const src = await srcOf(upload(stowage));
      await postgres.crash();
      const asked = async (path: string, headers: Record<string, string>, method = 'POST') => {
        const response = await stowage.fetch(path, {
          method,
          headers,
          ...(method === 'POST' && { body: fileForm() }),
        });
        await response.body?.cancel();
        return response.status;
      };
      expect(await asked('/upload', { authorization: '' })).toBe(401);
      expect(await asked('/upload', {})).toBe(503);
      expect(await asked('/upload', { authorization: 'Bearer wrong' })).toBe(503);
      expect(await asked('/upload?authCode=right+code', { authorization: '' })).toBe(503);
      expect(await asked('/api/manage/apiTokens', {}, 'GET')).toBe(503);
      expect(await asked('/media', {}, 'GET')).toBe(503);
      expect(await asked(src, { authorization: '' }, 'GET')).toBe(503);
      expect(await asked('/readyz', {}, 'GET')).toBe(503);
      expect(await asked('/healthz', {}, 'GET')).toBe(200);
      await postgres.resume();
      expect(await asked(src, { authorization: '' }, 'GET')).toBe(200);
      expect((await upload(stowage)).status).toBe(200);
    });
  });
});
