import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { type Stowage, startStowage } from './harness.ts';
import { nodeEnv } from './node-env.ts';
import { pseudoRandomBytes, srcOf, upload } from './requests.ts';

const without = { STOWAGE_READS_MEMORY_BYTES: '0' };
const pages = new TextEncoder().encode('<p>page</p>');

/** All that the server sends in response to these bytes, without what differs in every response. */
async function exchange({ url }: Stowage, sent: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(sent.replaceAll('HOST', 'files.example'), 'latin1');
  const received = await buffer(socket);
  socket.end();
  return received
    .toString('latin1')
    .replaceAll(/^Date: .*\r\n/gim, '')
    .replaceAll(/^X-Request-Id: [0-9a-f]{8}(?=\r\n)/gim, 'X-Request-Id: *');
}

async function statusOf(server: Stowage, src: string): Promise<number> {
  const response = await server.fetch(src, { headers: { authorization: '' } });
  await response.arrayBuffer();
  return response.status;
}

/** The series that count reads. */
async function countedReads(server: Stowage): Promise<readonly string[]> {
  const count =
    /^stowage_http_request_duration_seconds_count\{.*method="(?:GET|HEAD)".*route="\/file\/\*"/;
  const names = (text: string) =>
    text
      .split('\n')
      .filter((line) => count.test(line))
      .map((line) => line.replace(/ \d+$/, ''));
  return names(await (await server.fetch('/metrics')).text()).sort();
}

describe('a server with files in memory and one without', () => {
  let home: string;
  let hot: Stowage;
  let cold: Stowage;
  let links: readonly string[];
  let etag: string;
  let modified: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'stowage-hot-'));
    const dataDir = join(home, 'hot');
    // A test here takes the objects away from the disk.
    const first = await startStowage({ dataDir, env: { STOWAGE_UPLOADS_SMALL_OBJECT_BYTES: '0' } });
    const add = (name: string, bytes: Uint8Array, query = '') =>
      srcOf(upload(first, query, { bytes, name }));
    links = [
      await add('a.bin', pseudoRandomBytes(1000)),
      await add('page.html', pages),
      await add('名前 (1).txt', Buffer.from('text')),
      await add('own,name.bin', pseudoRandomBytes(64 * 1024), '?uploadNameType=origin'),
      await add('large.bin', pseudoRandomBytes(64 * 1024 + 1)),
      await add('empty.bin', Buffer.alloc(0)),
    ];
    const { headers } = await first.fetch(links[0] ?? '');
    etag = headers.get('etag') ?? '';
    modified = headers.get('last-modified') ?? '';
    await first.terminate();
    await first.stop();
    await cp(dataDir, join(home, 'cold'), { recursive: true });
    hot = await startStowage({ dataDir });
    cold = await startStowage({ dataDir: join(home, 'cold'), env: without });
    for (const link of links) {
      await hot.fetch(link).then((response) => response.arrayBuffer());
    }
  });
  afterAll(async () => {
    await hot?.stop();
    await cold?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const spelling = fc.constantFrom<(link: string) => string>(
    ...Array.from({ length: 8 }, () => (link: string) => link),
    (link) => `${link}/`,
    (link) => link.replace('/file/', '/file//'),
    (link) => link.replace('/file/', '//file/'),
    (link) => link.replace('/file/', '/%66ile/'),
    (link) => link.replaceAll('.', '%2e'),
    (link) => link.replaceAll('.', '%252e'),
    (link) => `${link}?from=admin`,
    (link) => `${link}?`,
    (link) => `${link}?x=1`,
    (link) => `${link}#part`,
    (link) => `http://other.example${link}`,
    (link) => `${link}.no`,
    (link) => decodeURI(link).replaceAll(/[^\x21-\x7e]/g, encodeURIComponent),
    (link) => link.replace('/file/', '/file/./'),
  );
  const header = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 1100 }), fc.integer({ min: 0, max: 1100 }))
      .map(([from, to]) => `Range: bytes=${from}-${to}`),
    fc.integer({ min: 0, max: 1100 }).map((length) => `Range: bytes=-${length}`),
    fc.constantFrom(
      'Range: bytes=5-',
      'Range: bytes=0-1,5-9',
      'Range: lines=1-2',
      'If-None-Match: ETAG',
      'If-None-Match: W/ETAG',
      'If-None-Match: "other"',
      'If-None-Match: *',
      'If-Match: ETAG',
      'If-Match: "other"',
      'If-Range: ETAG',
      'If-Range: "other"',
      'If-Range: MODIFIED',
      'If-Modified-Since: MODIFIED',
      'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
      'If-Unmodified-Since: MODIFIED',
      'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
      'Authorization: Bearer stowage_wrong',
      'Authorization: Bearer a\r\nAuthorization: Bearer b',
      'Origin: https://page.example',
      'Accept: text/html',
      'Accept-Encoding: gzip, br',
      'Accept-Version: 1.x',
      'Content-Type: jpg',
      'Content-Type: text/plain\r\nContent-Type: image/png',
      'Content-Length: 0',
      'Content-Length: 2',
      'Expect: something',
      'Host: twice.example',
      'Connection: keep-alive',
      'Upgrade: websocket',
      'X-Forwarded-For: 192.0.2.1',
      'X-HTTP-Method-Override: DELETE',
      'Sec-Fetch-Dest: document',
    ),
  );
  const request = fc.record({
    method: fc.constantFrom(...Array(6).fill('GET'), 'HEAD', 'HEAD', 'OPTIONS', 'POST', 'PATCH'),
    link: fc.nat({ max: 5 }),
    spelling,
    headers: fc.array(header, { maxLength: 3 }),
    version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    host: fc.constantFrom('Host: HOST\r\n', 'Host: HOST\r\n', 'Host: HOST\r\n', ''),
  });

  it('send the same to every request', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (requests) => {
        const sent = requests.map(({ method, link, spelling: spell, headers, version, host }) => {
          const lines = headers.map((line) =>
            line.replace('ETAG', etag).replace('MODIFIED', modified),
          );
          const target = spell(links[link] ?? '');
          const body = lines.includes('Content-Length: 2') ? 'ab' : '';
          return `${method} ${target} HTTP/${version}\r\n${host}${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
        });
        const last = 'GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n';
        const both = await Promise.all(
          [hot, cold].map((server) => exchange(server, sent.join('') + last)),
        );
        expect(both[0]).toBe(both[1]);
      }),
      { numRuns: 400 },
    );
  });

  it('count and log them in the same way', async () => {
    const lines = await Promise.all(
      [hot, cold].map(async (server) => {
        const userAgent = `same-${Math.random()}`;
        for (const headers of [{}, { range: 'bytes=0-9' }, { 'if-none-match': etag }]) {
          const response = await server.fetch(links[0] ?? '', {
            headers: { authorization: '', 'user-agent': userAgent, ...headers },
          });
          await response.arrayBuffer();
        }
        const own = () => server.log.filter((line) => line.includes(userAgent));
        await expect.poll(() => own().length).toBe(3);
        return own().map((line) => {
          const { time: _, requestId, durationMs, userAgent: __, ...rest } = JSON.parse(line);
          expect(requestId).toMatch(/^[0-9a-f]{8}$/);
          expect(durationMs).toBeTypeOf('number');
          return { ...rest, pid: 0 };
        });
      }),
    );
    expect(lines[0]).toEqual(lines[1]);
    const counts = await Promise.all([hot, cold].map(countedReads));
    expect(counts[0]).toEqual(counts[1]);
  });

  it('sends from memory what is no longer on the disk', async () => {
    for (const { dataDir } of [hot, cold]) {
      await rm(join(dataDir, 'objects/objects'), { recursive: true });
    }
    expect(await statusOf(hot, links[0] ?? '')).toBe(200);
    expect(await statusOf(cold, links[0] ?? '')).toBe(502);
  });
});

describe('a file in memory', () => {
  let stowage: Stowage;
  beforeAll(async () => {
    stowage = await startStowage();
  });
  afterAll(() => stowage?.stop());

  const store = async () => {
    const src = await srcOf(
      upload(stowage, '', { bytes: pseudoRandomBytes(500), name: 'hot.bin' }),
    );
    expect(await statusOf(stowage, src)).toBe(200);
    return src;
  };
  const remove = async (src: string) => {
    const path = src.replace('/file/', '');
    const response = await stowage.fetch(`/api/manage/delete/${path}`, { method: 'DELETE' });
    expect(response.status).toBe(200);
  };

  it('is never sent after its removal was acknowledged, whatever is read meanwhile', async () => {
    for (let round = 0; round < 30; round++) {
      const src = await store();
      let isRemoved = false;
      const late: number[] = [];
      const readers = Array.from({ length: 6 }, async () => {
        for (let reads = 0; reads < 20; reads++) {
          const wasRemoved = isRemoved;
          const status = await statusOf(stowage, src);
          if (wasRemoved) {
            late.push(status);
          }
        }
      });
      await remove(src);
      isRemoved = true;
      await Promise.all(readers);
      expect(new Set([...late, await statusOf(stowage, src)])).toEqual(new Set([404]));
    }
  });

  it('is gone as soon as another process removes it from the database', async () => {
    const src = await store();
    const db = new DatabaseSync(join(stowage.dataDir, 'stowage.db'), { timeout: 5000 });
    db.prepare('delete from files where path = ?').run(src.replace('/file/', ''));
    db.close();
    expect(await statusOf(stowage, src)).toBe(404);
  });

  it('shows what the name means now', async () => {
    for (const text of ['first', 'second']) {
      const src = await srcOf(
        upload(stowage, '?uploadNameType=origin', { bytes: Buffer.from(text), name: 'same.txt' }),
      );
      for (let reads = 0; reads < 2; reads++) {
        const response = await stowage.fetch(src);
        expect(await response.text()).toBe(text);
      }
      await remove(src);
    }
  });
});

describe.skipIf(postgresMissing)('a file in the memory of one of two nodes', () => {
  let postgres: PostgresService;
  let nodes: readonly Stowage[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    const shared = await mkdtemp(join(tmpdir(), 'stowage-shared-'));
    const channels = [{ type: 'local', name: 'disk', path: shared, shared: true }];
    const env = { ...nodeEnv(postgres.url), STOWAGE_CHANNELS: JSON.stringify(channels) };
    nodes = await Promise.all([startStowage({ env }), startStowage({ env })]);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await postgres?.stop();
  });

  it('is gone within a second after the other one has removed it', async () => {
    const [one, other] = nodes as [Stowage, Stowage];
    for (let round = 0; round < 5; round++) {
      const src = await srcOf(upload(one, '', { bytes: pseudoRandomBytes(500), name: 'a.bin' }));
      expect(await statusOf(one, src)).toBe(200);
      expect(await statusOf(one, src)).toBe(200);
      await other.fetch(`/api/manage/delete/${src.replace('/file/', '')}`, { method: 'DELETE' });
      expect(await statusOf(other, src)).toBe(404);
      await expect.poll(() => statusOf(one, src), { timeout: 1000, interval: 20 }).toBe(404);
      expect(await statusOf(one, src)).toBe(404);
    }
  });
});
