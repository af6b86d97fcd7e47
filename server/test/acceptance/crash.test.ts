import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { fixture, mediaClient } from './media-client.ts';
import { smallObjectKinds, storedObjects } from './requests.ts';

let app: Stowage;
beforeEach(async () => {
  app = await startStowage();
});
afterEach(() => app.stop());

const bytes = randomBytes(3_000_000);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

const storedFiles = async (): Promise<number> => (await storedObjects(app)).length;

async function listed(): Promise<number> {
  return (await mediaClient(app).call('GET', '/media')).body.data.total;
}

/** Begins a request, sends the head and part of the body, and leaves it open. */
async function sendHalf(
  path: string,
  method: string,
  headers: Record<string, string>,
  body: Buffer,
): Promise<ClientRequest> {
  const request = httpRequest(new URL(path, app.url), {
    method,
    headers: { ...headers, 'content-length': String(body.length) },
  });
  request.on('error', () => undefined);
  await new Promise<void>((resolve) =>
    request.write(body.subarray(0, body.length / 2), () => resolve()),
  );
  return request;
}

const boundary = 'xxBOUNDARYxx';
function form(name: string): Buffer {
  return Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    ),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

const formHeaders = () => ({
  authorization: `Bearer ${app.adminToken}`,
  'content-type': `multipart/form-data; boundary=${boundary}`,
});

async function upload(name: string): Promise<string> {
  const response = await app.fetch('/upload?uploadNameType=origin', {
    method: 'POST',
    headers: formHeaders(),
    body: new Uint8Array(form(name)),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as [{ src: string }])[0].src;
}

describe('kill -9', () => {
  it('in the middle of an upload loses nothing that was acknowledged and keeps nothing that was not', async () => {
    const sources = [await upload('one.bin'), await upload('two.bin')];
    const half = await sendHalf(
      '/upload?uploadNameType=origin',
      'POST',
      formHeaders(),
      form('half.bin'),
    );
    await expect.poll(storedFiles).toBeGreaterThan(2);
    await app.crash();
    half.destroy();
    for (const src of sources) {
      expect(sha256(new Uint8Array(await (await fetch(app.url + src)).arrayBuffer()))).toBe(
        sha256(bytes),
      );
    }
    expect(await listed()).toBe(2);
    await expect.poll(storedFiles).toBe(2);
    expect((await fetch(`${app.url}/file/half.bin`)).status).toBe(404);
  });

  it('between any two steps of the Media API lets the client go on', async () => {
    const client = mediaClient(app);
    const photo = fixture('photo.jpg');
    const { body } = await client.presign({
      filename: 'photo.jpg',
      content_type: 'image/jpeg',
      size: photo.length,
    });
    const { upload_url: url, media_id: id } = body.data;
    await app.crash();
    const half = await sendHalf(url, 'PUT', { 'content-type': 'image/jpeg' }, photo);
    await app.crash();
    half.destroy();
    expect(await listed()).toBe(0);
    expect((await client.complete(id)).body.error.code).toBe('upload_not_received');
    expect((await client.put(url, photo)).status).toBe(200);
    await app.crash();
    const done = await client.complete(id);
    expect(done.status).toBe(200);
    await app.crash();
    expect((await client.complete(id)).body.data).toEqual(done.body.data);
    expect(sha256(new Uint8Array(await (await fetch(done.body.data.url)).arrayBuffer()))).toBe(
      sha256(photo),
    );
    expect(await storedFiles()).toBe(1);
  });

  it.each(smallObjectKinds)(
    'at random moments of many uploads at once: every answer holds, everything else is gone ($kind)',
    async ({ env }) => {
      await app.stop();
      app = await startStowage({ env });
      const acknowledged = new Map<string, string>();
      for (let round = 0; round < 4; round++) {
        let answered = 0;
        const uploads = Array.from({ length: 24 }, async (_, index) => {
          const data = Buffer.concat([
            Buffer.from(`${round}-${index} `),
            randomBytes(20_000 + index * 1000),
          ]);
          const body = new FormData();
          body.set('file', new Blob([new Uint8Array(data)]), `r${round}-${index}.bin`);
          const response = await app.fetch('/upload', { method: 'POST', body });
          const [{ src }] = (await response.json()) as [{ src: string }];
          acknowledged.set(src, sha256(data));
          answered++;
        });
        const settled = Promise.allSettled(uploads);
        await expect.poll(() => answered, { interval: 1 }).toBeGreaterThan(round * 5);
        await app.kill();
        await settled;
        await app.start();
      }
      for (const [src, hash] of acknowledged) {
        const response = await fetch(app.url + src);
        expect(sha256(new Uint8Array(await response.arrayBuffer())), src).toBe(hash);
      }
      // What was committed but not answered may be there, but never more objects than files, and
      // never a file without its object.
      const total = await listed();
      expect(total).toBeGreaterThanOrEqual(acknowledged.size);
      await expect.poll(storedFiles).toBe(total);
    },
  );
});

describe('SIGTERM', () => {
  it('lets running uploads finish, takes no new ones, and exits within the grace time', async () => {
    const data = form('slow.bin');
    const requests = await Promise.all(
      Array.from({ length: 20 }, () => sendHalf('/upload', 'POST', formHeaders(), data)),
    );
    const answers = requests.map(async (request) => {
      const [response] = await once(request, 'response');
      response.resume();
      return response.statusCode as number;
    });
    await expect.poll(storedFiles).toBe(20);
    const exited = app.terminate();
    await expect
      .poll(() =>
        fetch(`${app.url}/healthz`).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    for (const request of requests) {
      request.end(data.subarray(data.length / 2));
    }
    expect(await Promise.all(answers)).toEqual(Array(20).fill(200));
    expect(await exited).toBe(0);
    await app.start();
    expect(await listed()).toBe(20);
  });
});
