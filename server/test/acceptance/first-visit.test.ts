import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isPresent } from '../setup/programs.ts';
import { type Stowage, startStowage } from './harness.ts';
import {
  adminCookie,
  adminLogin,
  adminPassword,
  cookieOf,
  peopleEnv,
  postJson,
  setupLink,
  visit,
} from './people.ts';
import { eventually, jsonOf } from './requests.ts';
import { runCommand } from './stowage-command.ts';

let stowage: Stowage;
afterEach(() => stowage?.stop());

const isSignedIn = async (headers: { readonly cookie: string }): Promise<boolean> =>
  (await jsonOf<{ valid: boolean }>(visit(stowage, '/api/auth/sessionCheck', { headers }))).valid;
const setUp = (secret: string, password = adminPassword) =>
  postJson(stowage, '/api/auth/setup', { secret, username: 'ada', password });

describe('the link of the first visit', () => {
  it('sets a password once, of many who use it at once one', async () => {
    stowage = await startStowage();
    const link = new URL(await setupLink(stowage));
    const secret = link.hash.slice(1);
    expect(link.origin + link.pathname).toBe(`${stowage.url}/setup`);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const { mode } = await stat(join(stowage.dataDir, 'setup-link'));
    expect(mode & 0o777).toBe(0o600);
    expect(stowage.log.join('\n')).not.toContain(secret);

    expect((await setUp('0'.repeat(64))).status).toBe(403);
    expect((await setUp(secret, 'short')).status).toBe(400);
    const asCookie = { cookie: `admin_session=${secret}` };
    expect(await isSignedIn(asCookie)).toBe(false);
    const answers = await Promise.all(Array.from({ length: 5 }, () => setUp(secret)));
    const right = answers.filter(({ status }) => status === 200);
    expect(right).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(4);
    expect(await isSignedIn(cookieOf(right[0] as Response))).toBe(true);
    expect((await adminLogin(stowage, adminPassword, 'ada')).status).toBe(200);
    expect((await setUp(secret)).status).toBe(403);

    await stowage.crash();
    await eventually(() => expect(existsSync(join(stowage.dataDir, 'setup-link'))).toBe(false));
    expect((await adminLogin(stowage, adminPassword, 'ada')).status).toBe(200);
  });

  it('leads to a page that runs its own script alone', async () => {
    stowage = await startStowage();
    const response = await visit(stowage, '/setup');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'; script-src 'sha256-[^']+'/);
    expect(policy).not.toContain("script-src 'unsafe");
    expect(await response.text()).toContain('<form');
  });

  it('is not made when the password is in the configuration', async () => {
    stowage = await startStowage({ env: peopleEnv });
    expect((await adminLogin(stowage)).status).toBe(200);
    expect(existsSync(join(stowage.dataDir, 'setup-link'))).toBe(false);
  });
});

describe('stowage admin set-password', () => {
  it('sets name and password while the server runs, and ends the sessions', async () => {
    stowage = await startStowage();
    const { dataDir } = stowage;
    const secret = new URL(await setupLink(stowage)).hash.slice(1);
    const file = join(dataDir, '..', 'password.txt');
    await writeFile(file, `${adminPassword}\n`);
    const run = (...args: string[]) => runCommand(['admin', 'set-password', ...args], { dataDir });
    const first = await run('--password-file', file);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('of admin is set') });
    expect(first.stdout + first.stderr).not.toContain(adminPassword);
    expect((await setUp(secret)).status).toBe(403);
    const admin = await adminCookie(stowage);
    expect(await isSignedIn(admin)).toBe(true);

    await writeFile(file, 'another password');
    expect((await run('--name', 'ada', '--password-file', file)).code).toBe(0);
    expect(await isSignedIn(admin)).toBe(false);
    expect((await adminLogin(stowage)).status).toBe(401);
    expect((await adminLogin(stowage, 'another password', 'ada')).status).toBe(200);
  });

  it.skipIf(!isPresent('sh'))('reads standard input', async () => {
    stowage = await startStowage();
    const { dataDir } = stowage;
    const { spawn } = await import('node:child_process');
    const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [launcher, 'admin', 'set-password'], {
      env: { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: dataDir },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.end(`${adminPassword}\n`);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(0);
    expect((await adminLogin(stowage)).status).toBe(200);
  });

  it.each([
    ['a short password', [], 'short', {}, 1, 'at least 8 characters'],
    ['an invisible name', ['--name', 'a\u200bb'], 'long enough', {}, 2, '--name must have'],
    ['a password of the configuration', [], 'long enough', peopleEnv, 1, 'is in the configuration'],
  ])('refuses %s', async (_, args, password, env, code, sentence) => {
    stowage = await startStowage();
    const { dataDir } = stowage;
    const file = join(dataDir, '..', 'password.txt');
    await writeFile(file, password);
    const all = ['admin', 'set-password', '--password-file', file, ...args];
    const result = await runCommand(all, { dataDir, env });
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(sentence)]);
  });
});

describe('a forgotten password', () => {
  it('is forgotten by the reset key, and the next start makes a link', async () => {
    const key = 'a-reset-key-of-the-test';
    stowage = await startStowage({ env: { STOWAGE_ADMIN_RESET_KEY: key } });
    const secret = new URL(await setupLink(stowage)).hash.slice(1);
    const admin = cookieOf(await setUp(secret));
    expect((await visit(stowage, `/api/auth/resetAuth?key=${key}`)).status).toBe(200);
    expect(await isSignedIn(admin)).toBe(false);
    expect((await adminLogin(stowage, adminPassword, 'ada')).status).toBe(401);
    await stowage.crash();
    await eventually(async () =>
      expect((await setUp(new URL(await setupLink(stowage)).hash.slice(1))).status).toBe(200),
    );
  });
});
