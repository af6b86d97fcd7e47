import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { countDescriptors, residentBytes } from './process-facts.ts';
import {
  eventually,
  exchange,
  filePart,
  multipartBody,
  pseudoRandomBytes,
  storedObjects,
  upload,
} from './requests.ts';

/** Threads that begin on the way (checkpoints, hashes) open some for themselves, once. */
const ownDescriptors = 16;
const runs = process.env.STOWAGE_TEST_BIG === '1' ? 1000 : 200;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const randomBelow = (limit: number): number => Math.floor(Math.random() * limit);

function dial({ url }: Stowage): Socket {
  return connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
}

async function atOnce(
  count: number,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      await work(next++);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function listed(app: Stowage): Promise<number> {
  return (await mediaClient(app).call('GET', '/media?limit=1')).body.data.total;
}

async function spooled({ dataDir }: Stowage): Promise<number> {
  return (await readdir(join(dataDir, 'spool'))).length;
}

/** A PDF by its first and last bytes. */
const pdf = (size: number): Buffer =>
  Buffer.concat([Buffer.from('%PDF-1.7\n'), pseudoRandomBytes(size - 15), Buffer.from('\n%%EOF')]);

describe('an upload address whose connection is cut at a random byte (R2)', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage({ env: { STOWAGE_MEDIA_MAX_OPEN_UPLOADS: '5000' } });
  });
  afterAll(() => app?.stop());

  function requestOf(url: string, bytes: Buffer, asForm: boolean): Buffer {
    const { pathname, search } = new URL(url);
    const body = asForm ? multipartBody([filePart(bytes, 'a.pdf', 'application/pdf')]) : bytes;
    const type = asForm ? 'multipart/form-data; boundary=frontier' : 'application/pdf';
    const head = `${asForm ? 'POST' : 'PUT'} ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  }

  /** Resolves when the connection has ended, with what came back. */
  function cutAt(request: Buffer, at: number, hard: boolean): Promise<string> {
    return new Promise((resolve) => {
      const socket = dial(app);
      let answer = '';
      socket.on('data', (text) => (answer += text.toString('latin1')));
      socket.once('close', () => resolve(answer));
      socket.write(request.subarray(0, at), () =>
        hard ? socket.resetAndDestroy() : socket.destroy(),
      );
    });
  }

  it(`keeps nothing, ${runs} times, and takes the file at the next try`, async () => {
    const client = mediaClient(app);
    const size = 150_000;
    const presigned = await client.presign({
      filename: 'warm.pdf',
      content_type: 'application/pdf',
      size,
    });
    await client.put(presigned.body.data.upload_url, pdf(size));
    await client.call('DELETE', `/media/${presigned.body.data.media_id}`);
    await eventually(async () => expect(await storedObjects(app)).toEqual([]));
    const descriptorsBefore = await countDescriptors(app.pid);

    const open: { readonly id: string; readonly url: string }[] = [];
    await atOnce(runs, 20, async (run) => {
      const { body } = await client.presign({
        filename: `${run}.pdf`,
        content_type: 'application/pdf',
        size,
      });
      const { media_id: id, upload_url: url } = body.data;
      open.push({ id, url });
      const request = requestOf(url, pdf(size), run % 3 === 0);
      expect(
        await cutAt(request, 1 + randomBelow(request.length - 1), run % 2 === 0),
      ).not.toContain(' 200 ');
    });

    expect(await listed(app)).toBe(0);
    await eventually(async () => {
      expect(await storedObjects(app)).toEqual([]);
      expect(await spooled(app)).toBe(0);
      const { sockets, others } = await countDescriptors(app.pid);
      expect(others).toBeLessThanOrEqual(descriptorsBefore.others + ownDescriptors);
      expect(sockets).toBeLessThanOrEqual(descriptorsBefore.sockets + 25);
    });
    await atOnce(10, 5, async (run) => {
      const { id, url } = open[run] ?? { id: '', url: '' };
      expect((await client.complete(id)).body.error.code).toBe('upload_not_received');
      const bytes = pdf(size);
      expect((await client.put(url, bytes)).status).toBe(200);
      const { status, body } = await client.complete(id);
      expect(status).toBe(200);
      expect(sha256(new Uint8Array(await (await fetch(body.data.url)).arrayBuffer()))).toBe(
        sha256(bytes),
      );
    });
    expect(await listed(app)).toBe(10);
  });
});

describe('slow and silent clients (R14)', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage({ env: { STOWAGE_UPLOADS_IDLE_TIMEOUT_SECONDS: '2' } });
  });
  afterAll(() => app?.stop());

  const head = (length: number): string =>
    `POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: ${length}\r\n\r\n`;

  it('50 of them at a byte a second disturb nobody, and get there themselves', async () => {
    const body = multipartBody([filePart('slow but honest', 'slow.txt')]);
    const tail = 4;
    const answers = Array.from({ length: 50 }, (_, index) => {
      const socket = dial(app);
      const answer = new Promise<string>((resolve) =>
        socket.once('data', (text) => resolve(text.toString())),
      );
      const whole = Buffer.concat([Buffer.from(head(body.length)), body]);
      // Half of them are slow in the head, half in the body.
      const from = index % 2 === 0 ? head(body.length).length - tail : whole.length - tail;
      socket.write(whole.subarray(0, from));
      let at = from;
      const timer = setInterval(() => {
        if (at === from + tail) {
          clearInterval(timer);
          socket.write(whole.subarray(at));
        } else {
          socket.write(whole.subarray(at, ++at));
        }
      }, 1000);
      return answer.finally(() => socket.destroy());
    });
    const took: number[] = [];
    for (let n = 0; n < 30; n++) {
      const startedAt = performance.now();
      expect(
        (await upload(app, '', { bytes: pseudoRandomBytes(200_000) as never, name: `${n}.bin` }))
          .status,
      ).toBe(200);
      took.push(performance.now() - startedAt);
    }
    expect(took.sort((a, b) => a - b)[15]).toBeLessThan(500);
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    }
  });

  it('those who fall silent in the body are told so and closed, their bytes are gone', async () => {
    const before = await storedObjects(app);
    const body = multipartBody([filePart(pseudoRandomBytes(300_000), 'silent.bin')]);
    const startedAt = performance.now();
    const answers = await Promise.all(
      [10, 200, 70_000, 299_000].map((sent) =>
        exchange(app.url, Buffer.concat([Buffer.from(head(body.length)), body.subarray(0, sent)])),
      ),
    );
    expect(performance.now() - startedAt).toBeLessThan(8000);
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    }
    await eventually(async () => expect(await storedObjects(app)).toEqual(before));
  });
});

describe('malformed forms (T13)', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage();
  });
  afterAll(() => app?.stop());

  const crlf = '\r\n';
  const part = (headers: string, body = 'x'): string =>
    `--b${crlf}${headers}${crlf}${crlf}${body}${crlf}`;
  const disposition = 'Content-Disposition: form-data; name="file"; filename="a.txt"';
  const bodies: Readonly<
    Record<string, () => { readonly type: string; readonly body: string | Buffer }>
  > = {
    'no boundary': () => ({ type: 'multipart/form-data', body: part(disposition) }),
    'an empty boundary': () => ({
      type: 'multipart/form-data; boundary=',
      body: part(disposition),
    }),
    'another boundary': () => ({
      type: 'multipart/form-data; boundary=other',
      body: `${part(disposition)}--b--`,
    }),
    'a boundary of 10 KB': () => ({
      type: `multipart/form-data; boundary=${'x'.repeat(10_000)}`,
      body: part(disposition),
    }),
    'no end': () => ({
      type: 'multipart/form-data; boundary=b',
      body: part(disposition, 'x'.repeat(200_000)),
    }),
    'nothing at all': () => ({ type: 'multipart/form-data; boundary=b', body: '' }),
    noise: () => ({ type: 'multipart/form-data; boundary=b', body: pseudoRandomBytes(300_000) }),
    'a header of 1 MB': () => ({
      type: 'multipart/form-data; boundary=b',
      body: part(`${disposition}${crlf}X: ${'x'.repeat(1e6)}`),
    }),
    '50,000 headers': () => ({
      type: 'multipart/form-data; boundary=b',
      body: part(`${disposition}${`${crlf}X: y`.repeat(50_000)}`),
    }),
    '100,000 parts': () => ({
      type: 'multipart/form-data; boundary=b',
      body: `${part('Content-Disposition: form-data; name="a"').repeat(100_000)}--b--`,
    }),
    'a form in a form': () => ({
      type: 'multipart/form-data; boundary=b',
      body: `${part('Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=c')}--b--`,
    }),
    'a part without a name': () => ({
      type: 'multipart/form-data; boundary=b',
      body: `${part('X: y')}--b--`,
    }),
    'a field of 1 MB': () => ({
      type: 'multipart/form-data; boundary=b',
      body: `${part('Content-Disposition: form-data; name="a"', 'x'.repeat(1e6))}--b--`,
    }),
    'no file': () => ({
      type: 'multipart/form-data; boundary=b',
      body: `${part('Content-Disposition: form-data; name="a"')}--b--`,
    }),
    'another type': () => ({ type: 'application/json', body: '{}' }),
  };

  async function send(path: string, name: string): Promise<Response> {
    const { type, body } = bodies[name]?.() ?? { type: '', body: '' };
    const bytes = new Uint8Array(Buffer.from(body as string));
    return app.fetch(path, { method: 'POST', headers: { 'content-type': type }, body: bytes });
  }

  it.each(Object.keys(bodies))('%s: a 4xx that says why, in the words of the API', async (name) => {
    const answer = await send('/upload', name);
    expect([answer.status >= 400 && answer.status < 500, answer.status]).toEqual([
      true,
      answer.status,
    ]);
    const text = await answer.text();
    expect(text.length).toBeGreaterThan(10);
    expect(text).not.toMatch(/undefined|\[object|at \S+\.ts/);
  });

  it('a barrage of them leaves descriptors, memory and temporary files as they were', async () => {
    const client = mediaClient(app);
    const { body } = await client.presign({
      filename: 'a.jpg',
      content_type: 'image/jpeg',
      size: 1000,
    });
    const { pathname, search } = new URL(body.data.upload_url);
    const names = Object.keys(bodies);
    const barrage = (count: number): Promise<void> =>
      atOnce(count, 12, async (run) => {
        const path =
          run % 3 === 0
            ? `${pathname}${search}`
            : run % 3 === 1
              ? '/upload'
              : '/upload?chunked=true';
        const answer = await send(path, names[run % names.length] ?? '').catch(() => undefined);
        await answer?.arrayBuffer().catch(() => undefined);
        if (answer !== undefined) {
          expect(answer.status).toBeLessThan(500);
        }
      });
    await barrage(120);
    const before = {
      descriptors: await countDescriptors(app.pid),
      resident: await residentBytes(app.pid),
    };
    await barrage(480);
    await eventually(async () => {
      const { sockets, others } = await countDescriptors(app.pid);
      expect(others).toBeLessThanOrEqual(before.descriptors.others + ownDescriptors);
      expect(sockets).toBeLessThanOrEqual(before.descriptors.sockets + 25);
      expect(await spooled(app)).toBe(0);
      expect(await storedObjects(app)).toEqual([]);
    });
    expect((await residentBytes(app.pid)) - before.resident).toBeLessThan(80 * 1024 * 1024);
    expect(await listed(app)).toBe(0);
    const bytes = pseudoRandomBytes(1000);
    const stored = await upload(app, '', { bytes, name: 'after.bin' });
    const [{ src }] = (await stored.json()) as [{ src: string }];
    expect(sha256(new Uint8Array(await (await app.fetch(src)).arrayBuffer()))).toBe(sha256(bytes));
  });
});
