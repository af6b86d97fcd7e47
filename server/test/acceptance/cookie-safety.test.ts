import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { adminCookie, peopleEnv, postJson, uploadCode, userCookie, visit } from './people.ts';
import { fileForm, srcOf, upload } from './requests.ts';

/** Requests of pages of other sites, as browsers mark them (T22, T34). */
const foreign: readonly (readonly [string, Record<string, string>])[] = [
  [
    'a form',
    {
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
      'sec-fetch-site': 'cross-site',
    },
  ],
  ['a form of an old browser', { origin: 'https://evil.example' }],
  ['a form in a sandbox', { origin: 'null' }],
  ['a fetch', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['an image or a link', { referer: 'https://evil.example/page', 'sec-fetch-site': 'cross-site' }],
  ['an image of an old browser', { referer: 'https://evil.example/page' }],
  ['a link without a Referer', { 'sec-fetch-site': 'cross-site' }],
  ['a sister domain', { 'sec-fetch-site': 'same-site' }],
  ['another port', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
  ['another port of an old browser', { origin: 'http://127.0.0.1:1' }],
  ['a value that no browser sends', { 'sec-fetch-site': 'anything' }],
  ['contradictory headers', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }],
];

describe('cookies', () => {
  let stowage: Stowage;
  let admin: { readonly cookie: string };
  let user: { readonly cookie: string };
  beforeAll(async () => {
    stowage = await startStowage({ env: peopleEnv });
    admin = await adminCookie(stowage);
    user = await userCookie(stowage);
  });
  afterAll(() => stowage?.stop());

  const own = (): readonly (readonly [string, Record<string, string>])[] => [
    ['a program', {}],
    [
      'a page of ours',
      { origin: stowage.url, referer: `${stowage.url}/x`, 'sec-fetch-site': 'same-origin' },
    ],
    ['a page of ours in an old browser', { origin: stowage.url }],
    ['a link of ours in an old browser', { referer: `${stowage.url}/dashboard` }],
    ['the address bar', { 'sec-fetch-site': 'none' }],
  ];
  const sendFile = (headers: Record<string, string>) =>
    visit(stowage, '/upload', { method: 'POST', body: fileForm(), headers });
  const deletion = (src: string) => src.replace('/file/', '/api/manage/delete/');

  it.each(foreign)('change nothing for %s', async (_, headers) => {
    const src = await srcOf(upload(stowage));
    for (const method of ['GET', 'POST', 'DELETE']) {
      const refused = await visit(stowage, deletion(src), {
        method,
        headers: { ...headers, ...admin },
      });
      expect([method, refused.status]).toEqual([method, 403]);
      expect(await refused.text()).toContain('comes from a page of another site');
    }
    expect((await visit(stowage, src)).status).toBe(200);
    expect((await sendFile({ ...headers, ...user })).status).toBe(403);
    const cleanup = '/upload?cleanup=true&uploadId=x&totalChunks=1';
    expect((await visit(stowage, cleanup, { headers: { ...headers, ...user } })).status).toBe(403);
    const token = { name: 'evil', permissions: ['upload'] };
    const made = await postJson(stowage, '/api/manage/apiTokens', token, { ...headers, ...admin });
    expect(made.status).toBe(403);
    const presign = { filename: 'a.png', content_type: 'image/png', size: 3 };
    const begun = await postJson(stowage, '/media/upload', presign, { ...headers, ...admin });
    expect(begun.status).toBe(403);
    expect(await begun.json()).toMatchObject({ error: { code: 'cross_site_request' } });
    const out = await postJson(stowage, '/api/auth/logout', {}, { ...headers, ...admin });
    expect(out.status).toBe(403);
    const login = { authCode: uploadCode };
    expect((await postJson(stowage, '/api/auth/login', login, headers)).status).toBe(403);
    const check = await visit(stowage, '/api/auth/sessionCheck', { headers: admin });
    expect(await check.json()).toMatchObject({ valid: true });
  });

  it('change everything for our own pages and for programs', async () => {
    for (const [who, headers] of own()) {
      const src = await srcOf(sendFile({ ...headers, ...user }));
      const deleted = await visit(stowage, deletion(src), { headers: { ...headers, ...admin } });
      expect([who, deleted.status]).toEqual([who, 200]);
      expect((await visit(stowage, src)).status).toBe(404);
    }
  });

  it.each(foreign)('read for %s, as far as browsers send them at all', async (_, headers) => {
    const listed = await visit(stowage, '/api/channels', { headers: { ...headers, ...user } });
    expect(listed.status).toBe(200);
  });

  it.each(foreign)('do not matter to tokens and codes in %s', async (_, headers) => {
    const authorization = `Bearer ${stowage.adminToken}`;
    const src = await srcOf(sendFile({ ...headers, ...admin, authorization }));
    const deleted = await visit(stowage, deletion(src), {
      headers: { ...headers, ...admin, authorization },
    });
    expect(deleted.status).toBe(200);
    expect((await sendFile({ ...headers, ...user, authCode: uploadCode })).status).toBe(200);
  });

  it('that are unknown read as no credentials, whatever page sends them', async () => {
    const cookie = `user_session=${'0'.repeat(64)}`;
    expect((await sendFile({ cookie, origin: 'https://evil.example' })).status).toBe(401);
  });
});

describe('behind a proxy that ends TLS', () => {
  it('pages count at the public address, and at the one they ask for', async () => {
    const stowage = await startStowage({
      env: { ...peopleEnv, STOWAGE_PUBLIC_URL: 'https://img.example/media' },
    });
    try {
      const user = await userCookie(stowage);
      const sendFile = async (origin: string) => {
        const headers = { ...user, origin };
        const init = { method: 'POST', body: fileForm(), headers };
        return (await visit(stowage, '/upload', init)).status;
      };
      expect(await sendFile('https://img.example')).toBe(200);
      expect(await sendFile(stowage.url)).toBe(200);
      expect(await sendFile(stowage.url.replace('http:', 'https:'))).toBe(200);
      expect(await sendFile('https://img.example.evil.example')).toBe(403);
      expect(await sendFile('https://img.example:8443')).toBe(403);
    } finally {
      await stowage.stop();
    }
  });
});
