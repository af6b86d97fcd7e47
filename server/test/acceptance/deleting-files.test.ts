import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { jsonOf, srcOf, upload } from './requests.ts';

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage({ env: { STOWAGE_URL_PREFIX: 'https://cdn.example/i/' } });
});
afterAll(() => stowage?.stop());

const put = (name: string) =>
  srcOf(upload(stowage, '?uploadNameType=origin&uploadFolder=ordner', { name }));
const statusOf = async (src: string) => (await stowage.fetch(src)).status;
const batch = async (fileIds: readonly string[]) => {
  const response = await stowage.fetch('/api/manage/delete/batch', {
    method: 'POST',
    body: JSON.stringify({ fileIds }),
  });
  return {
    status: response.status,
    body: await jsonOf<{ success: boolean; deleted: string[]; failed: unknown[] }>(response),
  };
};

const ways: readonly (readonly [string, (path: string) => string])[] = [
  ['as the library has it', (path) => path],
  ['decomposed', (path) => path.normalize('NFD')],
  ['percent-encoded', (path) => path.split('/').map(encodeURIComponent).join('/')],
  ['percent-encoded and decomposed', (path) => encodeURI(path.normalize('NFD'))],
  ['encoded as one component', (path) => encodeURIComponent(path)],
  ['with a comma', (path) => path.replace('/', ',')],
  ['as src', (path) => `/file/${encodeURI(path)}`],
  ['as src, decoded', (path) => `/file/${path}`],
  ['as src without its slash', (path) => `file/${path}`],
  ['by its whole address', (path) => `${stowage.url}/file/${encodeURI(path)}`],
  ['by its public address', (path) => `https://cdn.example/i/${path}`],
  ['between blanks and slashes', (path) => `/${path}/`],
];

describe.each(ways)('a file named %s', (_, write) => {
  it('is deleted, and told so, by batch and alone', async () => {
    const src = await put('Zoë 一.png');
    expect(await statusOf(src)).toBe(200);
    const named = write('ordner/Zoë_一.png');
    expect(await batch([named])).toEqual({
      status: 200,
      body: { success: true, deleted: [named.replace(/^\/+|\/+$/g, '')], failed: [] },
    });
    expect(await statusOf(src)).toBe(404);

    expect(await put('Zoë 一.png')).toBe(src);
    const raw = encodeURI(write('ordner/Zoë_一.png')).replaceAll('%25', '%').replaceAll('?', '%3F');
    const alone = await stowage.fetch(`/api/manage/delete/${raw}`, { method: 'DELETE' });
    expect([alone.status, await alone.json()]).toEqual([
      200,
      { success: true, fileId: 'ordner/Zoë_一.png' },
    ]);
    expect(await statusOf(src)).toBe(404);
  });
});

describe('what is not there', () => {
  it('is never said to be deleted', async () => {
    const src = await put('there.txt');
    expect(
      (await batch([src, 'none.txt', 'https://elsewhere.example/file/ordner/there.txt', '../x']))
        .body,
    ).toEqual({
      success: false,
      deleted: [src.slice(1)],
      failed: ['none.txt', 'https://elsewhere.example/file/ordner/there.txt', '../x'].map(
        (fileId) => ({
          fileId,
          error: 'File not found',
        }),
      ),
    });
    const alone = await stowage.fetch('/api/manage/delete/none.txt', { method: 'DELETE' });
    expect([alone.status, await alone.json()]).toEqual([
      200,
      { success: true, fileId: 'none.txt', deleted: false },
    ]);
  });

  it('does not make a second name of a deleted file a failure', async () => {
    const src = await put('twice.txt');
    expect((await batch([src, 'ordner/twice.txt', 'ordner,twice.txt'])).body).toMatchObject({
      success: true,
      failed: [],
    });
  });
});

it('takes 500 of the longest ids, by their encoded addresses', async () => {
  const long = `${'图'.repeat(250)}/${'片'.repeat(85)}`;
  const ids = Array.from(
    { length: 500 },
    (_, n) => `${stowage.url}/file/${encodeURI(`${long}${String(n).padStart(3, '0')}`)}`,
  );
  const { status, body } = await batch(ids);
  expect([status, body.failed.length]).toEqual([200, 500]);
});

it('says that a body is too large, not a file', async () => {
  const response = await stowage.fetch('/api/manage/apiTokens', {
    method: 'POST',
    body: `{"name":"${'x'.repeat(300_000)}"}`,
  });
  expect([response.status, await response.json()]).toEqual([
    413,
    {
      success: false,
      error: 'The JSON body is larger than 256 KiB.',
      details: { maxBytes: 262_144 },
    },
  ]);
});
