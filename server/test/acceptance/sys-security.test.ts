import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fileForm, jsonOf } from './requests.ts';
import { createToken } from './tokens.ts';

const path = '/api/manage/sysConfig/security';
const code = 'correct horse battery';

interface Security {
  readonly auth: {
    readonly user: { readonly authCode: string; readonly _hasPassword: boolean };
    readonly admin: { readonly adminUsername: string; readonly _hasPassword: boolean };
  };
}

async function save(stowage: Stowage, body: unknown, headers = {}) {
  const response = await stowage.fetch(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  });
  const text = await response.text();
  return { status: response.status, text, body: response.ok ? JSON.parse(text) : undefined };
}

const read = (stowage: Stowage) => jsonOf<Security>(stowage.fetch(path));

const uploadWith = async (stowage: Stowage, authCode: string) => {
  const init = { method: 'POST', body: fileForm(), headers: { authorization: '', authCode } };
  return (await stowage.fetch('/upload', init)).status;
};

const signIn = (stowage: Stowage, route: string, body: object) =>
  stowage.fetch(`/api/auth/${route}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: '' },
  });

const cookieOf = (response: Response) => (response.headers.get('set-cookie') ?? '').split(';')[0];

describe('sysConfig/security', () => {
  let stowage: Stowage;
  beforeEach(async () => {
    stowage = await startStowage();
  });
  afterEach(() => stowage?.stop());

  it('sets, keeps and removes the upload code, and ends its sessions', async () => {
    expect(await uploadWith(stowage, code)).toBe(401);
    const set = await save(stowage, { auth: { user: { authCode: code } } });
    expect(set.body).toEqual({
      message: 'security settings saved',
      userPasswordChanged: true,
      adminPasswordChanged: false,
      fixed: [],
    });
    expect(await uploadWith(stowage, code)).toBe(200);
    const cookie = cookieOf(await signIn(stowage, 'login', { authCode: code })) ?? '';
    const byCookie = async () => {
      const headers = { authorization: '', cookie };
      return (await stowage.fetch('/upload', { method: 'POST', body: fileForm(), headers })).status;
    };
    expect(await byCookie()).toBe(200);
    // As the page sends back what it has read.
    const shown = await read(stowage);
    expect(shown.auth.user).toMatchObject({ authCode: '', _hasPassword: true });
    expect((await save(stowage, shown)).body.userPasswordChanged).toBe(false);
    await stowage.crash();
    expect(await uploadWith(stowage, code)).toBe(200);
    await save(stowage, { auth: { user: { authCode: `${code} staple` } } });
    expect([await byCookie(), await uploadWith(stowage, `${code} staple`)]).toEqual([401, 200]);
    await save(stowage, { auth: { user: { authCode: '', _clear: true } } });
    expect((await read(stowage)).auth.user._hasPassword).toBe(false);
    expect(await uploadWith(stowage, `${code} staple`)).toBe(401);
    expect(stowage.log.filter((line) => line.includes('horse'))).toEqual([]);
  });

  it('sets the administrator, whose sessions a change ends', async () => {
    const set = await save(stowage, {
      auth: { admin: { adminUsername: 'ada', adminPassword: 'first password' } },
    });
    expect(set.body.adminPasswordChanged).toBe(true);
    const given = { username: 'ada', password: 'first password' };
    const cookie = cookieOf(await signIn(stowage, 'adminLogin', given)) ?? '';
    const byCookie = async () =>
      (await stowage.fetch(path, { headers: { authorization: '', cookie } })).status;
    expect(await byCookie()).toBe(200);
    const shown = await read(stowage);
    expect(shown.auth.admin).toMatchObject({ adminUsername: 'ada', _hasPassword: true });
    expect((await save(stowage, shown)).body.adminPasswordChanged).toBe(false);
    expect(await byCookie()).toBe(200);
    await save(stowage, { auth: { admin: { adminUsername: 'bea', adminPassword: '' } } });
    expect(await byCookie()).toBe(401);
    expect((await signIn(stowage, 'adminLogin', { ...given, username: 'bea' })).status).toBe(200);
  });

  it('is no way to more permissions', async () => {
    const { headers } = await createToken(stowage, ['manage']);
    const admin = { adminUsername: 'eve', adminPassword: 'eves password' };
    expect((await save(stowage, { auth: { admin } }, headers)).status).toBe(403);
    expect((await read(stowage)).auth.admin._hasPassword).toBe(false);
    const { headers: less } = await createToken(stowage, ['upload', 'list', 'delete']);
    expect((await save(stowage, {}, less)).status).toBe(403);
  });

  it.each([
    [{ auth: { user: { authCode: 'short' } } }, 'auth.user.authCode'],
    [{ auth: { admin: { adminUsername: 'a', adminPassword: 'short' } } }, 'adminPassword'],
    [{ auth: { admin: { adminPassword: 'long enough' } } }, 'adminUsername'],
    [{ auth: { admin: { _clear: true } } }, 'auth.admin._clear'],
    [{ access: { allowedDomains: 'example.com' } }, 'access.allowedDomains'],
    [{ upload: { moderate: { enabled: true } } }, 'upload.moderate.enabled'],
  ])('names what is wrong (%j)', async (body, field) => {
    const { status, text } = await save(stowage, body);
    expect([status, text]).toEqual([400, expect.stringContaining(field)]);
  });
});

describe('sysConfig/security beside the configuration', () => {
  let stowage: Stowage;
  beforeAll(async () => {
    const env = { STOWAGE_AUTH_CODE: 'configured code', STOWAGE_ADMIN_PASSWORD: 'configured one' };
    stowage = await startStowage({ env });
  });
  afterAll(() => stowage?.stop());

  it('leaves what is set there, and says so', async () => {
    const { body } = await save(stowage, {
      auth: {
        user: { authCode: code },
        admin: { adminUsername: 'x', adminPassword: 'another one' },
      },
    });
    expect(body).toMatchObject({
      userPasswordChanged: false,
      adminPasswordChanged: false,
      fixed: ['auth.admin', 'auth.user.authCode'],
    });
    expect(await uploadWith(stowage, 'configured code')).toBe(200);
    expect(await uploadWith(stowage, code)).toBe(401);
    const given = { username: 'admin', password: 'configured one' };
    expect((await signIn(stowage, 'adminLogin', given)).status).toBe(200);
  });
});
