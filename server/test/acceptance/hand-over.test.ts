import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDocument } from '../documents.ts';
import { type Front, startFront } from '../services/front.ts';
import { isPresent } from '../setup/programs.ts';
import { curl, freePort, type Stowage, startStowage } from './harness.ts';
import { pseudoRandomBytes, srcOf, upload } from './requests.ts';

const location = openDocument('docs/operations.md').block('Large files by nginx itself', 'nginx');
const large = pseudoRandomBytes(300_000);
const small = pseudoRandomBytes(1000);
const missing = ['nginx', 'curl', 'openssl'].filter((name) => !isPresent(name));

describe.skipIf(missing.length > 0)('large files by nginx itself', () => {
  let app: Stowage;
  let front: Front;
  let home: string;
  let links: { readonly large: string; readonly small: string; readonly page: string };
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'stowage-accel-'));
    app = await startStowage({
      dataDir: join(home, 'data'),
      env: { STOWAGE_TRUST_PROXY: 'loopback', STOWAGE_READS_SENDFILE: 'x-accel-redirect' },
    });
    const add = (bytes: Uint8Array, name: string) => srcOf(upload(app, '', { bytes, name }));
    links = {
      large: await add(large, 'large.bin'),
      small: await add(small, 'small.bin'),
      page: await add(Buffer.from(`<html><script>${'x'.repeat(100_000)}</script>`), 'page.html'),
    };
    const port = await freePort();
    front = await startFront('nginx', port, async ({ folder, certificate, key }) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (kind) => `${kind}_temp_path ${folder}/${kind};`,
      );
      const objects = location.replaceAll('/var/lib/stowage', app.dataDir);
      const user = process.getuid?.() === 0 ? 'user root;' : '';
      const conf = `daemon off; pid ${folder}/pid; error_log stderr; ${user} events {} http { access_log off; ${temporary.join(' ')}
        server { listen 127.0.0.1:${port} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key};
          location / { proxy_pass ${app.url}; proxy_set_header X-Forwarded-For $remote_addr; }
          ${objects} } }`;
      await writeFile(join(folder, 'nginx.conf'), conf);
      return ['-p', folder, '-c', join(folder, 'nginx.conf')];
    });
  });
  afterAll(async () => {
    await front?.stop();
    await app?.stop();
    await rm(home, { recursive: true, force: true });
  });

  async function ask(path: string, ...args: readonly string[]) {
    const received = await curl('-i', '--cacert', front.certificate, ...args, front.url + path);
    const end = received.indexOf('\r\n\r\n');
    const [status = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
    const headers = lines
      .filter((line) => !/^(?:date|server|connection|x-request-id|keep-alive):/i.test(line))
      .map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
      .sort();
    return {
      status: Number(status.split(' ')[1]),
      headers,
      body: received.toString('base64', end + 4),
    };
  }
  /** The same, sent by Stowage because of a condition that always holds. */
  const askStowage = (path: string, ...args: readonly string[]) =>
    ask(path, '-H', 'If-None-Match: "never"', ...args);

  it('Stowage sends no byte of them', async () => {
    const response = await app.fetch(links.large, { headers: { authorization: '' } });
    expect(response.headers.get('x-accel-redirect')).toMatch(
      /^\/x-stowage\/.*\/objects\/objects\//,
    );
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  it.each(['large', 'small', 'page'] as const)(
    'the response with a %s file is the same',
    async (name) => {
      const byNginx = await ask(links[name]);
      expect(byNginx).toEqual(await askStowage(links[name]));
      expect(byNginx.status).toBe(200);
    },
  );

  it('has the bytes', async () => {
    expect((await ask(links.large)).body).toBe(large.toString('base64'));
    expect((await ask(links.small)).body).toBe(small.toString('base64'));
  });

  it.each(['bytes=0-0', 'bytes=1000-200000', 'bytes=299000-', 'bytes=-5', 'bytes=0-1,5-6'])(
    'so is the response to the range %s',
    async (range) => {
      const header = ['-H', `Range: ${range}`];
      expect(await ask(links.large, ...header)).toEqual(await askStowage(links.large, ...header));
    },
  );

  it('a range beyond the end is refused, a known copy is not sent again', async () => {
    expect((await ask(links.large, '-H', 'Range: bytes=300000-')).status).toBe(416);
    const etag = (await ask(links.large)).headers.find((line) => line.startsWith('etag:')) ?? '';
    const condition = `If-None-Match: ${etag.slice('etag:'.length).trim()}`;
    expect((await ask(links.large, '-H', condition)).status).toBe(304);
  });

  it('nobody can ask for the folder of objects', async () => {
    const response = await app.fetch(links.large, { headers: { authorization: '' } });
    const inside = response.headers.get('x-accel-redirect') ?? '';
    expect((await ask(inside)).status).toBe(404);
  });

  it('a file that the disk has lost is an error of Stowage, not of nginx', async () => {
    const src = await srcOf(upload(app, '', { bytes: large, name: 'lost.bin' }));
    const path = (await app.fetch(src)).headers.get('x-accel-redirect') ?? '';
    await rm(decodeURIComponent(path.replace('/x-stowage', '')));
    expect((await ask(src)).status).toBe(502);
  });
});

describe('without a proxy that is trusted', () => {
  it.each([
    [{ STOWAGE_READS_SENDFILE: 'x-accel-redirect' }, null],
    [{ STOWAGE_READS_SENDFILE: 'x-sendfile' }, null],
    [{ STOWAGE_READS_SENDFILE: 'x-sendfile', STOWAGE_TRUST_PROXY: 'loopback' }, 'x-sendfile'],
  ])('%j: %s', async (env, header) => {
    const app = await startStowage({ env });
    const src = await srcOf(upload(app, '', { bytes: large, name: 'large.bin' }));
    const response = await app.fetch(src, { headers: { authorization: '' } });
    const size = (await response.arrayBuffer()).byteLength;
    expect(size).toBe(header === null ? large.length : 0);
    expect(response.headers.has('x-sendfile')).toBe(header !== null);
    expect(response.headers.has('x-accel-redirect')).toBe(false);
    await app.stop();
  });
});
