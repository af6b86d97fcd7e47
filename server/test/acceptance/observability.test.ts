import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { eventually, jsonOf, srcOf, upload } from './requests.ts';

let app: Stowage;
beforeAll(async () => {
  app = await startStowage({ env: { STOWAGE_AUTH_CODE: 'canary-upload-code' } });
});
afterAll(() => app?.stop());

type Line = Readonly<Record<string, unknown>>;

/** The log's line about the request with this user agent. */
async function lineOf(userAgent: string): Promise<Line> {
  let found: Line | undefined;
  await eventually(() => {
    found = app.log
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
      .find((line) => line.userAgent === userAgent);
    expect(found).toBeDefined();
  });
  return found as Line;
}

describe('the line of a request', () => {
  it('names the caller, the address, the path, the bytes and the file that was made', async () => {
    const made = await jsonOf<{ token: string; id: string }>(
      app.fetch('/api/manage/apiTokens', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'blog', owner: 'me', permissions: ['upload', 'delete'] }),
      }),
    );
    const form = new FormData();
    form.set('file', new Blob(['x'.repeat(5000)]), 'a.txt');
    const headers = { authorization: `Bearer ${made.token}`, 'user-agent': 'uploader/1' };
    const src = await srcOf(
      app.fetch('/upload?authCode=canary-query', { method: 'POST', body: form, headers }),
    );
    const line = await lineOf('uploader/1');
    expect(line).toMatchObject({
      ...{
        level: 'info',
        msg: 'Request',
        method: 'POST',
        route: '/upload',
        path: '/upload',
        status: 200,
        ip: '127.0.0.1',
      },
      ...{ caller: 'blog', tokenId: made.id, file: src.slice('/file/'.length) },
    });
    expect(line.bytesIn).toBeGreaterThan(5000);
    expect(line.bytesIn).toBeLessThan(6000);
    expect(line.bytesOut).toBeGreaterThan(src.length);
    await app
      .fetch(src, { headers: { authorization: '', 'user-agent': 'reader/1' } })
      .then((answer) => answer.arrayBuffer());
    const read = await lineOf('reader/1');
    expect(read).toMatchObject({
      method: 'GET',
      route: '/file/*',
      path: src,
      status: 200,
      bytesIn: 0,
    });
    expect(read.bytesOut).toBeGreaterThan(5000);
    expect(read.caller).toBeUndefined();
    await app.fetch(`/api/manage/delete/${src.slice(6)}`, {
      method: 'DELETE',
      headers: { ...headers, 'user-agent': 'remover/1' },
    });
    expect(await lineOf('remover/1')).toMatchObject({
      caller: 'blog',
      path: `/api/manage/delete/${src.slice(6)}`,
      status: 200,
    });
  });

  it('of somebody who is refused has the address, for fail2ban', async () => {
    await upload(app, '?authCode=canary-wrong', {}).catch(() => undefined);
    await app.fetch('/upload', {
      method: 'POST',
      headers: { authorization: 'Bearer canary-guess', 'user-agent': 'guesser/1' },
    });
    expect(await lineOf('guesser/1')).toMatchObject({ status: 401, ip: '127.0.0.1' });
  });

  it('of a client that hangs up in mid-upload says 499 and how far it came', async () => {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    const head = `POST /upload HTTP/1.1\r\nHost: x\r\nUser-Agent: quitter/1\r\nAuthorization: Bearer ${app.adminToken}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n`;
    socket.write(
      `${head}--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n`,
    );
    await new Promise<void>((resolve) => socket.write(Buffer.alloc(300_000), () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    const line = await lineOf('quitter/1');
    expect(line).toMatchObject({ status: 499, route: '/upload', caller: 'STOWAGE_ADMIN_TOKEN' });
    expect(line.bytesIn).toBeGreaterThan(200_000);
    expect(line.bytesIn).toBeLessThan(400_000);
  });

  it('of a client that hangs up in mid-download too', async () => {
    const src = await srcOf(
      upload(app, '', {
        bytes: Buffer.alloc(20_000_000),
        name: 'big.bin',
        type: 'application/octet-stream',
      }),
    );
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    socket.write(`GET ${src} HTTP/1.1\r\nHost: x\r\nUser-Agent: leaver/1\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    expect(await lineOf('leaver/1')).toMatchObject({ status: 499, path: src });
  });

  it('holds no code, token or query', async () => {
    const log = app.log.join('\n');
    for (const secret of ['canary-', app.adminToken, 'authCode=']) {
      expect(log).not.toContain(secret);
    }
  });
});

describe('/metrics', () => {
  const metrics = async (headers: Record<string, string> = {}): Promise<Response> =>
    app.fetch('/metrics', { headers: { authorization: '', ...headers } });

  it('has the uploads, the channel and what it stores', async () => {
    await srcOf(upload(app));
    const body = await (await metrics()).text();
    expect(body).toMatch(/^stowage_uploads_total\{api="basic",result="ok"\} [1-9]/m);
    expect(body).toMatch(/^stowage_uploads_total\{api="basic",result="aborted"\} 1$/m);
    expect(body).toMatch(
      /^stowage_channel_operation_duration_seconds_count\{type="local",channel="local",operation="put"\} [1-9]/m,
    );
    expect(body).toMatch(/^stowage_stored_objects\{type="local",channel="local"\} [1-9]/m);
    expect(body).toMatch(/^stowage_database_up 1$/m);
    expect(body).toMatch(/^stowage_data_disk_free_bytes [1-9]/m);
  });

  it.each<readonly [string, Record<string, string>, number]>([
    ['from this machine', {}, 200],
    ['through a proxy that says X-Forwarded-For', { 'x-forwarded-for': '8.8.8.8' }, 401],
    ['through a proxy that says X-Real-IP only', { 'x-real-ip': '8.8.8.8' }, 401],
    ['through Cloudflare', { 'cf-connecting-ip': '8.8.8.8' }, 401],
    ['through a proxy that says Via', { via: '1.1 proxy' }, 401],
    ['by a token with manage', { 'x-forwarded-for': '8.8.8.8', authorization: 'admin' }, 200],
  ])('%s: %j is %i', async (_, headers, status) => {
    const own =
      headers.authorization === 'admin'
        ? { ...headers, authorization: `Bearer ${app.adminToken}` }
        : headers;
    expect((await metrics(own)).status).toBe(status);
  });

  it.each([
    ['media.example', '1.1', 401],
    ['localhost:8080', '1.1', 200],
    ['[::1]:80', '1.1', 200],
    ['127.0.0.1.evil.example', '1.1', 401],
    ['127.0.0.1:8080', '1.0', 401],
  ])(
    'asked for as %s over HTTP/%s is %i: neither a page whose name leads here nor a bare nginx is from here',
    async (host, version, status) => {
      const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
      socket.write(`GET /metrics HTTP/${version}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const answer = await new Promise<string>((resolve) =>
        socket.once('data', (bytes) => resolve(bytes.toString('latin1'))),
      );
      socket.destroy();
      expect(answer.split(' ')[1]).toBe(String(status));
    },
  );
});
