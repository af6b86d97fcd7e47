import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { eventually, fileForm, jsonOf, storedObjects } from './requests.ts';
import { createToken } from './tokens.ts';

const path = '/api/manage/apiTokens';
const dayMs = 86_400_000;

interface Shown {
  readonly id: string;
  readonly token: string;
  readonly [name: string]: unknown;
}

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

const call = async (
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
  query = '',
) => {
  const response = await stowage.fetch(`${path}${query}`, {
    method,
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
};
const list = async () => (await jsonOf<{ tokens: Shown[] }>(stowage.fetch(path))).tokens;
const mayUpload = async (headers: Record<string, string>) =>
  (await stowage.fetch('/upload', { method: 'POST', body: fileForm(), headers })).status === 200;

describe('tokens', () => {
  it('are shown once, listed shortened, and stored nowhere', async () => {
    const made = await call('POST', { name: 'blog', permissions: ['upload', 'list'], owner: 'me' });
    expect(made.status).toBe(200);
    const shown = JSON.parse(made.text) as Shown;
    expect(shown).toMatchObject({
      name: 'blog',
      owner: 'me',
      permissions: ['upload', 'list'],
      token: expect.stringMatching(/^imgbed_[0-9a-f]{32}$/),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      expiresAt: null,
      autoDelete: false,
    });
    expect(await mayUpload({ authorization: `Bearer ${shown.token}` })).toBe(true);
    const listed = (await list()).find(({ id }) => id === shown.id);
    expect(listed).toMatchObject({
      ...shown,
      token: `${shown.token.slice(0, 15)}...`,
      lastUsedAt: expect.any(String),
    });

    const files = await readdir(stowage.dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      expect(
        (await readFile(join(file.parentPath, file.name))).includes(shown.token),
        file.name,
      ).toBe(false);
    }
    expect(stowage.log.join('\n')).not.toContain(shown.token);
  });

  it('may have a prefix', async () => {
    const { token } = await createToken(stowage, ['upload'], { prefix: 'pe_live_' });
    expect(token).toMatch(/^pe_live_[0-9a-f]{32}$/);
    expect(
      (await call('POST', { name: 'a', permissions: ['upload'], prefix: 'no spaces' })).status,
    ).toBe(400);
  });

  it.each([
    ['POST', {}, 'name, permissions'],
    ['POST', { name: 'a' }, 'permissions'],
    ['POST', { permissions: ['upload'] }, 'name'],
    ['POST', { name: '', permissions: ['upload'] }, 'name'],
    ['POST', { name: 'a', permissions: 'upload' }, 'permissions'],
    ['PUT', {}, 'tokenId, permissions'],
    ['PUT', { tokenId: 'x' }, 'permissions'],
    ['PUT', { permissions: [] }, 'tokenId'],
  ])('%s of %j is refused, with the fields that are missing', async (method, body, missing) => {
    const { status, text } = await call(method, body);
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { error: '缺少必要参数', message: `Missing: ${missing}` },
    ]);
  });

  it('are refused without what they are about', async () => {
    const { status, text } = await call('DELETE');
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { error: '缺少Token ID', message: 'Missing: id' },
    ]);
    for (const permissions of [['everything'], [], [1], ['upload', '__proto__'], ['Upload']]) {
      expect(
        (await call('POST', { name: 'a', permissions })).status,
        JSON.stringify(permissions),
      ).toBe(400);
    }
    for (const expiresAt of ['tomorrow', {}, 1e99]) {
      expect((await call('POST', { name: 'a', permissions: ['list'], expiresAt })).status).toBe(
        400,
      );
    }
    for (const body of ['', 'no json', '[]', 'null']) {
      expect((await call('POST', body)).status).toBe(400);
    }
  });

  it.each([
    'n'.repeat(256),
    '\u{1f511}'.repeat(64),
    'a\nINFO forged',
    'a\u2028b',
    'a\u202eb',
    'a\u001b[31m',
    'a\u0000',
    '\ud800',
  ])('have no name or owner %#, as it would stand in every line of the log', async (text) => {
    for (const field of ['name', 'owner']) {
      const { status } = await call('POST', { name: 'a', permissions: ['upload'], [field]: text });
      expect([field, status]).toEqual([field, 400]);
    }
  });

  it('that are unknown are said to be, with status 200', async () => {
    const answer = { status: 200, text: '{"error":"Token 不存在"}' };
    expect(await call('PUT', { tokenId: 'none', permissions: ['list'] })).toMatchObject(answer);
    expect(await call('DELETE', undefined, {}, '?id=none')).toMatchObject(answer);
  });

  it('change with PUT; an absent expiry clears it', async () => {
    const expiresAt = new Date(Date.now() + dayMs).toISOString();
    const { id, headers } = await createToken(stowage, ['upload'], { expiresAt });
    expect((await list()).find((token) => token.id === id)).toMatchObject({ expiresAt });
    const changed = await call('PUT', { tokenId: id, permissions: ['list'] });
    expect(changed.status).toBe(200);
    expect(JSON.parse(changed.text)).toMatchObject({
      success: true,
      tokenId: id,
      token: { permissions: ['list'], expiresAt: null },
    });
    expect(await mayUpload(headers)).toBe(false);
    expect((await stowage.fetch('/media', { headers })).status).toBe(200);
  });

  it('end with their revocation and their expiry, at the next request (T24)', async () => {
    const { id, headers } = await createToken(stowage, ['upload']);
    expect(await mayUpload(headers)).toBe(true);
    expect(await call('DELETE', undefined, {}, `?id=${id}`)).toMatchObject({
      status: 200,
      text: '{"success":true,"message":"Token 已删除"}',
    });
    expect(await mayUpload(headers)).toBe(false);

    const short = await createToken(stowage, ['upload'], {
      expiresAt: new Date(Date.now() - 1).toISOString(),
      autoDelete: true,
    });
    const kept = await createToken(stowage, ['upload'], { expiresAt: Date.now() - 1 });
    for (const token of [short, kept]) {
      expect(await mayUpload(token.headers)).toBe(false);
    }
    const ids = (await list()).map((token) => token.id);
    expect([ids.includes(short.id), ids.includes(kept.id)]).toEqual([false, true]);
  });

  it('survive a restart, and so does their end', async () => {
    const [living, dead] = [
      await createToken(stowage, ['upload']),
      await createToken(stowage, ['upload']),
    ];
    await call('DELETE', undefined, {}, `?id=${dead.id}`);
    await stowage.crash();
    expect([await mayUpload(living.headers), await mayUpload(dead.headers)]).toEqual([true, false]);
  });
});

describe('nobody gets more than they have (T11)', () => {
  it('by making or changing tokens', async () => {
    const { id, headers } = await createToken(stowage, ['manage', 'list']);
    const strong = await createToken(stowage, ['manage', 'upload']);
    for (const permissions of [['upload'], ['manage', 'delete'], ['list', 'upload']]) {
      expect((await call('POST', { name: 'more', permissions }, headers)).status).toBe(403);
      expect((await call('PUT', { tokenId: id, permissions }, headers)).status).toBe(403);
    }
    // Nor by taking over or ending a stronger one.
    expect((await call('PUT', { tokenId: strong.id, permissions: ['list'] }, headers)).status).toBe(
      403,
    );
    expect((await call('DELETE', undefined, headers, `?id=${strong.id}`)).status).toBe(403);
    expect(await mayUpload(strong.headers)).toBe(true);
    expect(
      (await call('POST', { name: 'same', permissions: ['manage', 'list'] }, headers)).status,
    ).toBe(200);
  });

  it('by outliving themselves', async () => {
    const end = Date.now() + dayMs;
    const { id, headers } = await createToken(stowage, ['manage'], { expiresAt: end });
    for (const expiresAt of [undefined, null, end + 1000]) {
      expect(
        (await call('POST', { name: 'longer', permissions: ['manage'], expiresAt }, headers))
          .status,
      ).toBe(403);
      expect(
        (await call('PUT', { tokenId: id, permissions: ['manage'], expiresAt }, headers)).status,
      ).toBe(403);
    }
    expect(
      (
        await call(
          'POST',
          { name: 'shorter', permissions: ['manage'], expiresAt: end - 1000 },
          headers,
        )
      ).status,
    ).toBe(200);
  });

  it('without credentials at all', async () => {
    const answer = await call('GET', undefined, { authorization: '' });
    expect(answer).toMatchObject({ status: 401, text: 'You need to login' });
    expect(answer.headers.get('cache-control')).toMatch(/no-store/);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  });
});

describe('deleting files', () => {
  const put = async (name: string, folder = 'deleting') => {
    const query = `?uploadNameType=origin&uploadFolder=${encodeURIComponent(folder)}`;
    const response = await stowage.fetch(`/upload${query}`, {
      method: 'POST',
      body: fileForm({ name }),
    });
    const [{ src }] = await jsonOf<[{ src: string }]>(response);
    return src.slice('/file/'.length);
  };
  const exists = async (file: string) => (await stowage.fetch(`/file/${file}`)).status === 200;
  const remove = async (file: string, method = 'DELETE', init: RequestInit = {}) => {
    const response = await stowage.fetch(`/api/manage/delete/${file}`, { method, ...init });
    return { status: response.status, body: await response.text() };
  };

  it.each(['GET', 'DELETE', 'POST'])('by %s', async (method) => {
    const file = await put('one.txt');
    expect(await remove(file, method)).toEqual({
      status: 200,
      body: JSON.stringify({ success: true, fileId: file }),
    });
    expect(await exists(file)).toBe(false);
    // Gone is gone.
    expect((await remove(file, method)).status).toBe(200);
  });

  it('by encoded, raw and comma paths', async () => {
    for (const write of [
      (file: string) => encodeURIComponent(file),
      (file: string) => file,
      (file: string) => file.replace('/', ','),
      (file: string) => file.replace('/', '%2C'),
      (file: string) => `${file}/`,
    ]) {
      const file = await put('图 (1).png', 'a b');
      expect((await remove(write(file))).status).toBe(200);
      expect(await exists(file), write(file)).toBe(false);
    }
  });

  it('answers 400 to what can be no path, and deletes folders only as folders', async () => {
    for (const path of ['%zz', '%00', '..%2f..']) {
      const { status, body } = await remove(path);
      expect([status, body]).toEqual([400, expect.stringContaining('"error"')]);
    }
    const file = await put('kept.txt', 'whole');
    const alone = await remove('whole');
    expect([alone.status, JSON.parse(alone.body)]).toMatchObject([200, { deleted: false }]);
    expect(await exists(file)).toBe(true);
    const folder = await remove('whole?folder=true');
    expect([folder.status, JSON.parse(folder.body)]).toEqual([
      200,
      { success: true, deleted: [expect.stringContaining('kept.txt')], failed: [] },
    ]);
    expect(await exists(file)).toBe(false);
  });

  it('takes no credentials but those in a header (T22)', async () => {
    const { token } = await createToken(stowage, ['delete']);
    const file = await put('csrf.txt');
    for (const [query, headers] of [
      [`?authCode=${token}`, {}],
      ['', { cookie: `authCode=${token}; token=${token}` }],
      ['', { referer: `${stowage.url}/?authCode=${token}` }],
      ['', { authCode: token }],
    ] as const) {
      const answer = await stowage.fetch(`/api/manage/delete/${file}${query}`, {
        headers: { authorization: '', ...headers },
      });
      expect(answer.status).toBe(401);
    }
    expect(await exists(file)).toBe(true);
  });

  it('in batches', async () => {
    const files = await Promise.all(Array.from({ length: 25 }, (_, n) => put(`batch-${n}.txt`)));
    const batch = (body: unknown, method = 'POST') =>
      stowage.fetch('/api/manage/delete/batch', {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const answer = await batch({ fileIds: [...files, ` /${files[0]}/ `, 'none.txt'] });
    expect(answer.status).toBe(200);
    const { success, deleted, failed } = await jsonOf<{
      success: boolean;
      deleted: string[];
      failed: unknown[];
    }>(answer);
    expect([success, deleted.sort(), failed]).toEqual([
      false,
      [...files].sort(),
      [{ fileId: 'none.txt', error: 'File not found' }],
    ]);
    for (const file of files) {
      expect(await exists(file)).toBe(false);
    }

    for (const [body, error] of [
      [{}, 'fileIds is required'],
      [{ fileIds: [] }, 'fileIds is required'],
      [{ fileIds: 'a' }, 'fileIds must be an array of strings'],
      [{ fileIds: [1] }, 'fileIds must be an array of strings'],
      [
        { fileIds: Array.from({ length: 501 }, (_, n) => String(n)) },
        'A maximum of 500 files can be deleted at once',
      ],
    ] as const) {
      const refused = await batch(body);
      expect([refused.status, await refused.json()]).toEqual([400, { success: false, error }]);
    }
    expect((await batch(undefined, 'GET')).status).toBe(405);
  });

  it('gives the bytes back', async () => {
    const before = new Set(await storedObjects(stowage));
    const file = await put('bytes.txt');
    const [object, ...others] = (await storedObjects(stowage)).filter((path) => !before.has(path));
    expect([object, others]).toEqual([expect.any(String), []]);
    await remove(file);
    await eventually(async () => expect(await storedObjects(stowage)).not.toContain(object));
  });
});
