import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bufferOf } from '../../conformance/channel/data.ts';
import { type CloudflareEmulator, emulatedAccount, startCloudflareEmulator } from './emulator.ts';

// The official client is 120 MB: installed by hand when the emulator changes, as
// docs/channels/cloudflare-images.md tells.
const sdkFolder = process.env.STOWAGE_TEST_CLOUDFLARE_SDK;
const account_id = emulatedAccount.accountId;
const png = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  bufferOf({ seed: 3, size: 5000 }),
]);
const pngFile = () => new File([Uint8Array.from(png)], 'picture.png', { type: 'image/png' });

describe.skipIf(sdkFolder === undefined)(
  'the official client on the emulator (needs STOWAGE_TEST_CLOUDFLARE_SDK)',
  () => {
    it('uploads, describes, lists, downloads and deletes', async () => {
      const { client } = await start();
      const { v1 } = client.images;
      const image = await v1.create({
        account_id,
        file: pngFile(),
        id: 'folder/own id',
        requireSignedURLs: false,
      });
      expect(image).toMatchObject({
        id: 'folder/own id',
        filename: 'picture.png',
        requireSignedURLs: false,
      });
      expect(image.variants?.length).toBe(1);
      expect(await v1.get('folder/own id', { account_id })).toEqual(image);
      const blob = await v1.blobs.get('folder/own id', { account_id });
      expect(Buffer.from(await blob.arrayBuffer())).toEqual(png);
      expect((await v1.list({ account_id })).result).toEqual({ images: [image] });
      expect(await v1.stats.get({ account_id })).toEqual({
        count: { current: 1, allowed: 100_000 },
      });
      await v1.delete('folder/own id', { account_id });
      await expect(v1.get('folder/own id', { account_id })).rejects.toMatchObject({
        status: 404,
        errors: [{ code: 5404 }],
      });
    });

    it('makes drafts, with and without options', async () => {
      const { client } = await start();
      const plain = await client.images.v2.directUploads.create({ account_id });
      expect(await client.images.v1.get(plain.id ?? '', { account_id })).toMatchObject({
        id: plain.id,
        draft: true,
      });
      const expiry = new Date(Date.now() + 600_000).toISOString();
      const { id, uploadURL } = await client.images.v2.directUploads.create({
        account_id,
        expiry,
        metadata: { key: 'value' },
        requireSignedURLs: true,
      });
      const form = new FormData();
      form.append('file', pngFile());
      expect((await fetch(uploadURL ?? '', { method: 'POST', body: form })).status).toBe(200);
      const image = await client.images.v1.get(id ?? '', { account_id });
      expect(image).toMatchObject({ id, filename: 'picture.png', requireSignedURLs: true });
      expect(image).not.toHaveProperty('draft');
    });

    it('understands the refusals', async () => {
      const { client } = await start();
      const file = new File(['%PDF-1.7'], 'a.pdf');
      await expect(client.images.v1.create({ account_id, file })).rejects.toMatchObject({
        status: 415,
        errors: [{ code: 5455 }],
      });
      const expiry = new Date(Date.now() + 60_000).toISOString();
      const soon = client.images.v2.directUploads.create({ account_id, expiry });
      await expect(soon).rejects.toMatchObject({ status: 400, errors: [{ code: 5400 }] });
      const foreign = client.images.v1.stats.get({ account_id: 'another' });
      await expect(foreign).rejects.toMatchObject({ status: 403, errors: [{ code: 5403 }] });
      expect(await client.user.tokens.verify()).toMatchObject({ status: 'active' });
    });
  },
);

describe('the shapes that clients send', () => {
  it('an empty form makes a draft', async () => {
    const { call } = await start();
    const answer = await call('POST', 'images/v2/direct_upload', new FormData());
    expect(answer).toMatchObject({
      status: 200,
      body: { success: true, result: { id: expect.any(String), uploadURL: expect.any(String) } },
    });
  });

  it('metadata spread over several fields, as the official client does, is no error', async () => {
    const { call } = await start();
    const form = new FormData();
    form.append('metadata[key]', 'value');
    form.append('requireSignedURLs', 'true');
    expect(await call('POST', 'images/v2/direct_upload', form)).toMatchObject({ status: 200 });
  });

  it.each(['sub/path/own.png', '100%.png', 'naïve 日本.png'])(
    'custom id %s, encoded in paths',
    async (id) => {
      const { call } = await start();
      const form = new FormData();
      form.append('id', id);
      form.append('file', pngFile());
      expect(await call('POST', 'images/v1', form)).toMatchObject({
        status: 200,
        body: { result: { id } },
      });
      expect(await call('GET', `images/v1/${encodeURIComponent(id)}`)).toMatchObject({
        status: 200,
        body: { result: { id } },
      });
      expect(await call('DELETE', `images/v1/${encodeURIComponent(id)}`)).toMatchObject({
        status: 200,
        body: { result: {} },
      });
    },
  );

  it.each<readonly [string, Record<string, string>]>([
    ['a UUID as custom id', { id: '2cdc28f0-017a-49c4-9ed7-87056c839012' }],
    ['a slash at the end of the id', { id: 'a/' }],
    ['a custom id for a private image', { id: 'a', requireSignedURLs: 'true' }],
    ['metadata over 1024 bytes', { metadata: JSON.stringify({ a: 'x'.repeat(1024) }) }],
    ['metadata that is not JSON', { metadata: 'x' }],
    ['an expiry in the past', { expiry: '2020-01-01T00:00:00Z' }],
    ['an expiry after 6 hours', { expiry: new Date(Date.now() + 7 * 3_600_000).toISOString() }],
  ])('refuses %s', async (_, fields) => {
    const { call } = await start();
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) {
      form.append(name, value);
    }
    const answer = await call('POST', 'images/v2/direct_upload', form);
    expect(answer).toMatchObject({
      status: 400,
      body: { result: null, success: false, errors: [{ code: 5400 }], messages: [] },
    });
  });

  it('drafts are not in the list', async () => {
    const { call } = await start();
    await call('POST', 'images/v2/direct_upload', new FormData());
    expect(await call('GET', 'images/v1?page=1&per_page=10')).toMatchObject({
      status: 200,
      body: { result: { images: [] } },
    });
  });
});

interface Image {
  readonly id?: string;
  readonly variants?: readonly string[];
}

/** The part of the official client that is called here. */
interface OfficialClient {
  readonly images: {
    readonly v1: {
      create(params: object): Promise<Image>;
      get(id: string, params: object): Promise<Image>;
      delete(id: string, params: object): Promise<unknown>;
      list(params: object): Promise<{ result?: { images?: readonly Image[] } }>;
      readonly blobs: { get(id: string, params: object): Promise<Response> };
      readonly stats: { get(params: object): Promise<unknown> };
    };
    readonly v2: {
      readonly directUploads: {
        create(params: object): Promise<{ id?: string; uploadURL?: string }>;
      };
    };
  };
  readonly user: { readonly tokens: { verify(): Promise<unknown> } };
}

async function start() {
  const emulator = await startCloudflareEmulator();
  onTestFinished(() => emulator.stop());
  return {
    get client() {
      return officialClient(emulator);
    },
    call: async (method: string, path: string, body?: FormData) => {
      const headers = { authorization: `Bearer ${emulatedAccount.apiToken}` };
      const url = `${emulator.apiBase}/accounts/${account_id}/${path}`;
      const response = await fetch(
        url,
        body === undefined ? { method, headers } : { method, headers, body },
      );
      return { status: response.status, body: (await response.json()) as unknown };
    },
  };
}

function officialClient(emulator: CloudflareEmulator): OfficialClient {
  const { Cloudflare } = createRequire(join(sdkFolder ?? '', 'x.js'))('cloudflare') as {
    Cloudflare: new (options: object) => OfficialClient;
  };
  return new Cloudflare({
    apiToken: emulatedAccount.apiToken,
    baseURL: emulator.apiBase,
    maxRetries: 0,
  });
}
