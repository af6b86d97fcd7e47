import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { type Answer, fixture, type MediaClient, mediaClient } from './media-client.ts';
import { eventually, storedObjects } from './requests.ts';

const ttlSeconds = 2;
const photo = fixture('photo.jpg');
const jpeg = { filename: 'photo.jpg', content_type: 'image/jpeg', size: photo.length };

let app: Stowage;
let client: MediaClient;
beforeAll(async () => {
  app = await startStowage({
    env: {
      STOWAGE_MEDIA_URL_TTL_SECONDS: String(ttlSeconds),
      STOWAGE_MEDIA_MAX_IMAGE_BYTES: '100000',
    },
  });
  client = mediaClient(app);
});
afterAll(() => app?.stop());

interface Started {
  readonly id: string;
  readonly url: string;
  readonly expiresAt: number;
}

async function start(headers = {}): Promise<Started> {
  const { status, body } = await client.presign(jpeg, headers);
  expect(status).toBe(201);
  expect(body.data.expires_in).toBe(ttlSeconds);
  return {
    id: body.data.media_id,
    url: body.data.upload_url,
    expiresAt: Date.parse(body.data.expires_at),
  };
}

async function put(
  url: string,
  bytes: Uint8Array,
  type = 'image/jpeg',
): Promise<Pick<Answer, 'status' | 'body'>> {
  const response = await client.put(url, bytes, { 'content-type': type });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

/** In the envelope, with a sentence and a code. */
function expectRefusal(
  { status, body }: Pick<Answer, 'status' | 'body'>,
  wantedStatus: number,
  code: string,
): void {
  expect([status, body?.error?.code]).toEqual([wantedStatus, code]);
  expect(body.data).toBeNull();
  expect(body.error.message.length).toBeGreaterThan(10);
  expect(body.meta.request_id).toBeTruthy();
}

const until = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

/** A transfer whose second half comes when the test says so. */
function slowPut(url: string): { readonly begun: Promise<void>; finish(): Promise<number> } {
  const headers = { 'content-type': 'image/jpeg', 'content-length': String(photo.length) };
  const request = httpRequest(url, { method: 'PUT', headers });
  // The answer may come before the second half is sent.
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const half = Math.floor(photo.length / 2);
  const begun = new Promise<void>((resolve) =>
    request.write(photo.subarray(0, half), () => resolve()),
  );
  return {
    begun,
    async finish() {
      request.end(photo.subarray(half));
      const [response] = await answered;
      response.resume();
      return response.statusCode ?? 0;
    },
  };
}

describe('an upload address (T14)', () => {
  it('after complete takes nothing any more, and the file stays as it is', async () => {
    const { id, url } = await start();
    expect((await put(url, photo)).status).toBe(200);
    const completed = await client.complete(id);
    expect(completed.status).toBe(200);
    expectRefusal(await put(url, fixture('jpeg-html.jpg')), 409, 'already_completed');
    const served = await fetch(completed.body.data.url);
    expect(Buffer.from(await served.arrayBuffer()).equals(photo)).toBe(true);
  });

  it('of one media does not serve another', async () => {
    const [one, two] = [await start(), await start()];
    const stranger = new URL(one.url);
    stranger.pathname = new URL(two.url).pathname;
    expectRefusal(await put(stranger.href, photo), 403, 'invalid_signature');
    expectRefusal(await client.complete(two.id), 409, 'upload_not_received');
  });

  it('that was tampered with is void, wherever', async () => {
    const { url } = await start();
    const signature = new URL(url).searchParams.get('sig') ?? '';
    const [version, payload = '', mac] = signature.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown[];
    const forged = [
      signature.slice(0, -1),
      `${signature}A`,
      signature.toUpperCase(),
      `${version}.${Buffer.from(JSON.stringify(claims.map((claim) => (typeof claim === 'number' ? claim * 10 : claim)))).toString('base64url')}.${mac}`,
      `${version}.${payload}.`,
      `..`,
      '',
      'x'.repeat(10_000),
    ];
    for (const sig of forged) {
      const changed = new URL(url);
      changed.searchParams.set('sig', sig);
      expectRefusal(await put(changed.href, photo), 403, 'invalid_signature');
    }
    const bare = new URL(url);
    bare.search = '';
    expectRefusal(await put(bare.href, photo), 403, 'invalid_signature');
  });

  it('takes the declared kind and size only', async () => {
    const { id, url } = await start();
    expectRefusal(await put(url, photo, 'video/mp4'), 415, 'content_type_mismatch');
    expectRefusal(await put(url, Buffer.alloc(100_001)), 413, 'file_too_large');
    const unannounced = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'image/jpeg' },
      body: new ReadableStream({
        start(controller) {
          for (let sent = 0; sent < 4; sent++) {
            controller.enqueue(new Uint8Array(50_000));
          }
          controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expect(unannounced.status).toBe(413);
    expectRefusal(await client.complete(id), 409, 'upload_not_received');
    expect((await put(url, photo)).status).toBe(200);
    expect((await client.complete(id)).status).toBe(200);
  });

  it('that has expired begins nothing; what came in time can be completed', async () => {
    const [inTime, late] = [await start(), await start()];
    expect((await put(inTime.url, photo)).status).toBe(200);
    await until(late.expiresAt + 200);
    expectRefusal(await put(late.url, photo), 403, 'upload_url_expired');
    expectRefusal(await client.complete(late.id), 410, 'upload_expired');
    expectRefusal(await put(inTime.url, photo), 403, 'upload_url_expired');
    expect((await client.complete(inTime.id)).status).toBe(200);
  });

  it('lets a transfer finish that began in time', async () => {
    const { id, url, expiresAt } = await start();
    const transfer = slowPut(url);
    await transfer.begun;
    await until(expiresAt + 500);
    expect(await transfer.finish()).toBe(200);
    const completed = await client.complete(id);
    expect([completed.status, completed.body.data.width]).toEqual([200, 320]);
  });

  it('of a media that was deleted is void, also for a transfer under way', async () => {
    const before = await storedObjects(app);
    const { id, url } = await start();
    const transfer = slowPut(url);
    await transfer.begun;
    expect((await client.call('DELETE', `/media/${id}`)).status).toBeLessThan(300);
    expect(await transfer.finish()).toBe(404);
    expectRefusal(await put(url, photo), 404, 'not_found');
    await eventually(async () => expect(await storedObjects(app)).toEqual(before));
  });

  it('of a token that was revoked is void, also for a transfer under way (T24)', async () => {
    const before = await storedObjects(app);
    const minted = await app.fetch('/api/manage/apiTokens', {
      method: 'POST',
      body: JSON.stringify({ name: 'short', permissions: ['upload'] }),
    });
    const { token, id: tokenId } = (await minted.json()) as { token: string; id: string };
    const headers = { authorization: `Bearer ${token}` };
    const [one, two] = [await start(headers), await start(headers)];
    const transfer = slowPut(one.url);
    await transfer.begun;
    expect(
      (await app.fetch(`/api/manage/apiTokens?id=${tokenId}`, { method: 'DELETE' })).status,
    ).toBe(200);
    expect(await transfer.finish()).toBe(403);
    expectRefusal(await put(two.url, photo), 403, 'invalid_signature');
    await eventually(async () => expect(await storedObjects(app)).toEqual(before));
  });
});
