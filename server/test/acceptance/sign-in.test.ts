import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import {
  adminCookie,
  adminLogin,
  adminPassword,
  cookieOf,
  login,
  peopleEnv,
  postJson,
  uploadCode,
  userCookie,
  visit,
} from './people.ts';
import { fileForm, jsonOf, srcOf, upload } from './requests.ts';
import { createToken } from './tokens.ts';

const uploadBy = (stowage: Stowage, headers: Record<string, string>) =>
  visit(stowage, '/upload', { method: 'POST', body: fileForm(), headers });

describe('sign-in', () => {
  let stowage: Stowage;
  beforeAll(async () => {
    stowage = await startStowage({ env: peopleEnv });
  });
  afterAll(() => stowage?.stop());

  const check = async (headers: Record<string, string>) =>
    jsonOf(visit(stowage, '/api/auth/sessionCheck', { headers }));

  it('of the administrator answers as clients know it', async () => {
    const response = await adminLogin(stowage);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe('{"success":true}');
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^admin_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=1209600$/,
      ),
    ]);
  });

  it('of a user answers as clients know it', async () => {
    const response = await login(stowage);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await response.text()).toBe('Login success');
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^user_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=1209600$/,
      ),
    ]);
  });

  it.each([
    ['a wrong password', 'adminLogin', { username: 'admin', password: 'wrong' }, 401],
    ['an unknown name', 'adminLogin', { username: 'eve', password: adminPassword }, 401],
    ['an empty password', 'adminLogin', { username: 'admin', password: '' }, 401],
    [
      'the upload code as the password',
      'adminLogin',
      { username: 'admin', password: uploadCode },
      401,
    ],
    ['no password', 'adminLogin', { username: 'admin' }, 400],
    ['a password that is no text', 'adminLogin', { username: 'admin', password: [1] }, 400],
    ['a list', 'adminLogin', [], 400],
  ])('of the administrator is refused: %s', async (_, route, body, status) => {
    const response = await postJson(stowage, `/api/auth/${route}`, body);
    expect(response.status).toBe(status);
    expect(response.headers.getSetCookie()).toEqual([]);
    const answer = await jsonOf<{ error: string }>(response);
    expect(Object.keys(answer)).toEqual(['error']);
    expect(status === 401 ? answer.error : 'Unauthorized').toBe('Unauthorized');
  });

  it.each([
    ['a wrong code', { authCode: 'wrong' }, 401],
    ['an empty code', { authCode: '' }, 401],
    ['the password', { authCode: adminPassword }, 401],
    ['no code', {}, 400],
    ['a code that is no text', { authCode: 1 }, 400],
  ])('of a user is refused: %s', async (_, body, status) => {
    const response = await postJson(stowage, '/api/auth/login', body);
    expect(response.status).toBe(status);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await response.text();
    expect(status === 401 ? text : 'Unauthorized').toBe('Unauthorized');
  });

  it.each(['login', 'adminLogin', 'setup', 'logout'])(
    'refuses a malformed body: %s',
    async (route) => {
      const response = await visit(stowage, `/api/auth/${route}`, { method: 'POST', body: '{"a' });
      expect(response.status).toBe(400);
    },
  );

  it('is told by sessionCheck', async () => {
    const required = { adminRequired: true, userRequired: true };
    expect(await check({})).toEqual({ valid: false, ...required });
    expect(await check({ cookie: `admin_session=${'0'.repeat(64)}` })).toEqual({
      valid: false,
      ...required,
    });
    const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
    expect(await check(admin)).toEqual({ valid: true, authType: 'admin', ...required });
    expect(await check(user)).toEqual({ valid: true, authType: 'user', ...required });
    const both = { cookie: `${user.cookie}; ${admin.cookie}` };
    expect(await check(both)).toEqual({ valid: true, authType: 'admin', ...required });
    // Neither cookie counts under the name of the other.
    const swapped = { cookie: user.cookie.replace('user_', 'admin_') };
    expect(await check(swapped)).toEqual({ valid: false, ...required });
  });

  it('lets a cookie in wherever a token is, with the permissions of its kind', async () => {
    const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
    const src = await srcOf(uploadBy(stowage, user));
    await srcOf(uploadBy(stowage, admin));
    const status = async (path: string, headers: Record<string, string>) =>
      (await visit(stowage, path, { headers })).status;
    expect(await status('/api/channels', user)).toBe(200);
    expect(await status('/api/channels', admin)).toBe(200);
    expect(await status('/media', admin)).toBe(200);
    expect(await status('/media', user)).toBe(403);
    expect(await status('/me', user)).toBe(200);
    expect(await status('/api/manage/apiTokens', admin)).toBe(200);
    const refused = await visit(stowage, '/api/manage/apiTokens', { headers: user });
    expect([refused.status, await refused.text()]).toEqual([401, 'You need to login']);
    const path = src.replace('/file/', '/api/manage/delete/');
    expect(await status(path, user)).toBe(401);
    expect(await status(path, admin)).toBe(200);
    const presign = { filename: 'a.png', content_type: 'image/png', size: 3 };
    expect((await postJson(stowage, '/media/upload', presign, user)).status).toBe(201);
  });

  it('does not stand in the way of a token, nor a wrong token in its way', async () => {
    const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
    const { headers: token } = await createToken(stowage, ['list']);
    const wrong = { authorization: 'Bearer wrong' };
    expect((await uploadBy(stowage, { ...wrong, ...user })).status).toBe(200);
    expect((await uploadBy(stowage, { ...token, ...user })).status).toBe(200);
    const listed = (headers: Record<string, string>) => visit(stowage, '/media', { headers });
    expect((await listed({ ...wrong, ...admin })).status).toBe(200);
    expect((await listed({ ...token, ...user })).status).toBe(200);
    expect((await listed({ ...token, cookie: 'user_session=old' })).status).toBe(200);
    const stale = { cookie: `user_session=${'f'.repeat(64)}; ${user.cookie}` };
    expect((await uploadBy(stowage, stale)).status).toBe(200);
  });

  it('ends by logout, of one kind or of both', async () => {
    const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
    const both = { cookie: `${user.cookie}; ${admin.cookie}` };
    const first = await postJson(stowage, '/api/auth/logout', { authType: 'admin' }, both);
    expect([first.status, await first.text()]).toEqual([200, 'Logged out']);
    expect(first.headers.getSetCookie()).toEqual([
      'admin_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
    ]);
    expect(await check(admin)).toMatchObject({ valid: false });
    expect(await check(both)).toMatchObject({ valid: true, authType: 'user' });
    const second = await visit(stowage, '/api/auth/logout', { method: 'POST', headers: both });
    expect(second.headers.getSetCookie()).toHaveLength(2);
    expect(await check(both)).toMatchObject({ valid: false });
  });

  it('is listed, and can be revoked (T24)', async () => {
    const admin = await adminCookie(stowage);
    const { cookie } = cookieOf(
      await postJson(
        stowage,
        '/api/auth/login',
        { authCode: uploadCode },
        { 'user-agent': 'Ada 1' },
      ),
    );
    type Listed = { sessions: { id: string; current: boolean; userAgent: string; ip: string }[] };
    const list = () => jsonOf<Listed>(visit(stowage, '/api/manage/sessions', { headers: admin }));
    const { sessions } = await list();
    expect(sessions.filter(({ current }) => current)).toHaveLength(1);
    expect(JSON.stringify(sessions)).not.toContain(cookie.split('=')[1]);
    const its = sessions.find(({ userAgent }) => userAgent === 'Ada 1');
    expect(its).toMatchObject({ authType: 'user', ip: '127.0.0.1' });
    expect((await uploadBy(stowage, { cookie })).status).toBe(200);
    const end = { method: 'DELETE', headers: admin };
    expect((await visit(stowage, `/api/manage/sessions?id=${its?.id}`, end)).status).toBe(200);
    expect((await uploadBy(stowage, { cookie })).status).toBe(401);
    expect((await visit(stowage, `/api/manage/sessions?id=${its?.id}`, end)).status).toBe(404);
  });

  it('outlives a restart', async () => {
    const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
    await stowage.crash();
    expect(await check(admin)).toMatchObject({ valid: true });
    expect(await check(user)).toMatchObject({ valid: true });
  });

  it('is not reset without a key', async () => {
    const response = await visit(stowage, '/api/auth/resetAuth?key=');
    expect(response.status).toBe(403);
    const { error } = await jsonOf<{ error: string }>(response);
    expect(error).toMatch(/^RESET_KEY not configured\. /);
  });
});

describe('a change of the password or the code', () => {
  it('ends the sessions of its kind alone, at once', async () => {
    const first = await startStowage({ env: peopleEnv });
    const { dataDir } = first;
    const [admin, user] = [await adminCookie(first), await userCookie(first)];
    await first.kill();
    const check = async (stowage: Stowage, headers: Record<string, string>) =>
      (await jsonOf<{ valid: boolean }>(visit(stowage, '/api/auth/sessionCheck', { headers })))
        .valid;
    const start = (env: Record<string, string>) =>
      startStowage({ dataDir, env: { ...peopleEnv, ...env } });
    const second = await start({ STOWAGE_ADMIN_PASSWORD: 'another password' });
    expect([await check(second, admin), await check(second, user)]).toEqual([false, true]);
    expect((await adminLogin(second)).status).toBe(401);
    const again = cookieOf(await adminLogin(second, 'another password'));
    await second.stop();
    const third = await start({
      STOWAGE_ADMIN_PASSWORD: 'another password',
      STOWAGE_AUTH_CODE: 'another-upload-code',
    });
    expect([await check(third, again), await check(third, user)]).toEqual([true, false]);
    expect((await uploadBy(third, user)).status).toBe(401);
    await third.stop();
    await first.stop();
  });
});

describe('with nothing configured (T8)', () => {
  it('nobody gets a session', async () => {
    const stowage = await startStowage();
    try {
      for (const [password, name] of [
        ['', ''],
        ['admin', 'admin'],
        ['decoy', 'admin'],
      ] as const) {
        expect((await adminLogin(stowage, password, name)).status).toBe(401);
      }
      expect((await login(stowage, '')).status).toBe(401);
      expect((await login(stowage, 'undefined')).status).toBe(401);
      expect(await jsonOf(visit(stowage, '/api/auth/sessionCheck'))).toEqual({
        valid: false,
        adminRequired: true,
        userRequired: true,
      });
    } finally {
      await stowage.stop();
    }
  });

  it('but anonymous uploads, a user need not sign in', async () => {
    const stowage = await startStowage({ env: { STOWAGE_ALLOW_ANONYMOUS_UPLOADS: 'true' } });
    try {
      expect(await jsonOf(visit(stowage, '/api/auth/sessionCheck'))).toEqual({
        valid: false,
        adminRequired: true,
        userRequired: false,
      });
    } finally {
      await stowage.stop();
    }
  });
});

describe('cookies behind TLS', () => {
  it.each([
    ['of a trusted proxy', { STOWAGE_TRUST_PROXY: 'loopback' }, true],
    ['that an untrusted caller claims', {}, false],
    ['of the public address', { STOWAGE_PUBLIC_URL: 'https://img.example' }, true],
  ])('%s', async (_, env, isSecure) => {
    const days = { STOWAGE_ADMIN_SESSION_DAYS: '1' };
    const stowage = await startStowage({ env: { ...peopleEnv, ...env, ...days } });
    try {
      const headers = { 'x-forwarded-proto': 'https' };
      const response = await postJson(
        stowage,
        '/api/auth/login',
        { authCode: uploadCode },
        headers,
      );
      const [cookie = ''] = response.headers.getSetCookie();
      expect(cookie.endsWith('; Max-Age=86400; Secure')).toBe(isSecure);
      expect(cookie.endsWith('; Max-Age=86400')).toBe(!isSecure);
    } finally {
      await stowage.stop();
    }
  });
});

describe('the reset key', () => {
  it('ends every session, but keeps a password of the configuration', async () => {
    const key = 'a-reset-key-of-the-test';
    const stowage = await startStowage({ env: { ...peopleEnv, RESET_KEY: key } });
    try {
      const [admin, user] = [await adminCookie(stowage), await userCookie(stowage)];
      const wrong = await visit(stowage, '/api/auth/resetAuth?key=wrong');
      expect([wrong.status, await wrong.json()]).toEqual([403, { error: 'Invalid reset key' }]);
      expect((await uploadBy(stowage, user)).status).toBe(200);
      const right = await visit(stowage, `/api/auth/resetAuth?key=${key}`);
      expect([right.status, await right.json()]).toEqual([
        200,
        { success: true, message: expect.any(String), sessionsCleared: { admin: 1, user: 1 } },
      ]);
      expect((await uploadBy(stowage, user)).status).toBe(401);
      expect((await uploadBy(stowage, admin)).status).toBe(401);
      expect((await adminLogin(stowage)).status).toBe(200);
    } finally {
      await stowage.stop();
    }
  });
});

describe('guessing (T23)', () => {
  it('is slowed down and then stopped, and the owner still gets in', async () => {
    const stowage = await startStowage({ env: { ...peopleEnv, STOWAGE_TRUST_PROXY: 'loopback' } });
    const guess = (address: string, password: string) =>
      postJson(
        stowage,
        '/api/auth/adminLogin',
        { username: 'admin', password },
        { 'x-real-ip': address },
      );
    try {
      // Guesses from one place at once: thirty count, the rest is told to wait.
      const statuses = await Promise.all(
        Array.from(
          { length: 40 },
          async (_, index) => (await guess('198.51.100.7', `p${index}`)).status,
        ),
      );
      expect(new Set(statuses)).toEqual(new Set([401, 429]));
      const began = performance.now();
      expect((await guess('198.51.100.7', adminPassword)).status).toBe(200);
      expect((await guess('203.0.113.5', adminPassword)).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(10_000);
      const limited = await guess('198.51.100.7', 'another');
      expect(limited.status).toBe(429);
      expect(limited.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await limited.json()).toEqual({
        error: 'Too many wrong credentials. Try again later.',
      });
    } finally {
      await stowage.stop();
    }
  });
});

describe.skipIf(postgresMissing)('without the database (T5)', () => {
  let postgres: PostgresService;
  let stowage: Stowage;
  beforeAll(async () => {
    postgres = await startPostgres();
    stowage = await startStowage({ env: { ...nodeEnv(postgres.url), ...peopleEnv } });
  });
  afterAll(async () => {
    await stowage?.stop();
    await postgres?.stop();
  });

  it('nobody signs in, and no cookie counts, until it returns', async () => {
    const admin = await adminCookie(stowage);
    await postgres.crash();
    const unavailable = { error: 'Security config unavailable' };
    const refused = await adminLogin(stowage);
    expect([refused.status, await refused.json()]).toEqual([503, unavailable]);
    const code = await login(stowage);
    expect([code.status, await code.text()]).toEqual([503, 'Security config unavailable']);
    for (const headers of [{}, admin]) {
      const checked = await visit(stowage, '/api/auth/sessionCheck', { headers });
      expect([checked.status, await checked.json()]).toEqual([503, unavailable]);
    }
    expect((await uploadBy(stowage, admin)).status).toBe(503);
    await postgres.resume();
    expect((await adminLogin(stowage)).status).toBe(200);
    expect((await upload(stowage)).status).toBe(200);
    expect((await uploadBy(stowage, admin)).status).toBe(200);
  });
});
