import { afterAll, beforeAll, expect, it } from 'vitest';
import { initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient, uploadMedia } from './media-client.ts';
import { srcOf, upload } from './requests.ts';

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

const forEver = 'public, max-age=31536000, immutable';
const shortly = 'public, max-age=60, must-revalidate';

const get = (src: string, headers: Record<string, string> = {}) =>
  stowage.fetch(encodeURI(src), { headers: { authorization: '', ...headers } });
const cachingOf = async (src: string) => (await get(src)).headers.get('cache-control');

async function remove(src: string): Promise<void> {
  const response = await stowage.fetch(
    `/api/manage/delete${encodeURI(src).slice('/file'.length)}`,
    { method: 'DELETE' },
  );
  expect(response.status).toBe(200);
  expect((await get(src)).status).toBe(404);
}

async function merged(bytes: string, query: string): Promise<string> {
  const chunked = await initUpload(stowage, 1, { name: 'chunked.txt', type: 'text/plain', query });
  await putChunk(stowage, chunked, 0, Buffer.from(bytes));
  return srcOf(mergeUpload(stowage, chunked, { query }));
}

async function media(): Promise<string> {
  const { body } = await uploadMedia(mediaClient(stowage), 'photo.jpg', 'image/jpeg');
  return new URL(body.data.url).pathname;
}

it.each([
  ['default', () => srcOf(upload(stowage)), forEver],
  ['index', () => srcOf(upload(stowage, '?uploadNameType=index&uploadFolder=a/b')), forEver],
  ['short', () => srcOf(upload(stowage, '?uploadNameType=short')), forEver],
  [
    'origin',
    () => srcOf(upload(stowage, '?uploadNameType=origin', { name: 'origin.txt' })),
    shortly,
  ],
  ['chunked default', () => merged('one', ''), forEver],
  ['chunked origin', () => merged('one', '&uploadNameType=origin'), shortly],
  ['Media API', media, forEver],
])('a link by %s says how long it may be kept', async (_, make, expected) => {
  const src = await make();
  expect(await cachingOf(src)).toBe(expected);
  const etag = (await get(src)).headers.get('etag') ?? '';
  const current = await get(src, { 'if-none-match': etag });
  expect([current.status, current.headers.get('cache-control')]).toEqual([304, expected]);
  expect(await cachingOf(`${src}?from=admin`)).toBe('private, no-store, max-age=0');
  const shown = await stowage.fetch(`${encodeURI(src)}?from=admin`);
  expect([shown.status, shown.headers.get('cache-control')]).toEqual([200, 'private, no-store']);
});

it('a name that was chosen is free again, and caches learn of the new bytes', async () => {
  const send = (bytes: string) =>
    srcOf(upload(stowage, '?uploadNameType=origin', { name: 'reuse.txt', bytes }));
  const src = await send('first');
  expect(src).toBe('/file/reuse.txt');
  const etag = (await get(src)).headers.get('etag') ?? '';
  await remove(src);
  expect(await send('second')).toBe(src);
  const asked = await get(src, { 'if-none-match': etag });
  expect([asked.status, await asked.text()]).toEqual([200, 'second']);
});

it.each([
  ['default', () => srcOf(upload(stowage))],
  ['index', () => srcOf(upload(stowage, '?uploadNameType=index'))],
  ['short', () => srcOf(upload(stowage, '?uploadNameType=short'))],
  ['Media API', media],
])(
  'an address given by %s never comes back, even when a caller chooses its very name',
  async (_, make) => {
    const src = await make();
    await remove(src);
    const folder = src.split('/').slice(2, -1).join('/');
    const name = src.split('/').at(-1) ?? '';
    const again = await srcOf(
      upload(stowage, `?uploadNameType=origin&uploadFolder=${folder}`, { name, bytes: 'other' }),
    );
    expect(again).not.toBe(src);
    const direct = await initUpload(stowage, 1, {
      name,
      query: `&uploadNameType=origin&uploadFolder=${folder}`,
    });
    await putChunk(stowage, direct, 0, Buffer.from('other'));
    expect(await srcOf(mergeUpload(stowage, direct))).not.toBe(src);
    expect((await get(src)).status).toBe(404);
  },
);

it('a copy kept under another spelling of an address is asked for again', async () => {
  const src = await srcOf(upload(stowage, '?uploadFolder=x/y'));
  expect(await cachingOf(`/file/${src.slice('/file/'.length).replaceAll('/', ',')}`)).toBe(shortly);
  expect(await cachingOf(src)).toBe(forEver);
});
