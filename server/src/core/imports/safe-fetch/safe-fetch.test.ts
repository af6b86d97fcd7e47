import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingHttpHeaders, type RequestListener } from 'node:http';
import https from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isPresent } from '../../../../test/setup/programs.ts';
import { pinnedGet } from '../../../outbound/pinned-get.ts';
import { isStowageError, StowageError } from '../../errors.ts';
import { readAll } from '../../streams/peek.ts';
import { createSafeFetch, type FetchRequest, type SafeFetchOptions } from './safe-fetch.ts';

const defaults: SafeFetchOptions = {
  allowHttp: true,
  allowedPrivateHosts: ['127.0.0.1'],
  userAgent: 'Stowage (test)',
  httpGet: pinnedGet,
};
const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) {
    socket.destroy();
  }
  for (const server of servers.splice(0)) {
    server.close();
  }
});

interface Listening {
  readonly url: string;
  readonly port: number;
  /** Connections it has seen, whether or not a byte came. */
  connections(): number;
}

async function listen(
  server: Server,
  { host = '127.0.0.1', scheme = 'http' } = {},
): Promise<Listening> {
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  servers.push(server);
  await once(server.listen(0, host), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `${scheme}://${host}:${port}`, port, connections: () => connections };
}

const serve = (listener: RequestListener, host?: string): Promise<Listening> =>
  listen(http.createServer(listener), host === undefined ? {} : { host });

/** Says these bytes to whoever connects and has said something. */
const say = (answer: string, end = true): Promise<Listening> =>
  listen(
    createTcpServer((socket) => {
      socket.once('data', () =>
        end ? socket.end(answer, 'latin1') : socket.write(answer, 'latin1'),
      );
    }),
  );

async function read(
  url: string,
  options: Partial<SafeFetchOptions> = {},
  request: Partial<FetchRequest> = {},
): Promise<string> {
  const signal = new AbortController().signal;
  const fetched = await createSafeFetch({ ...defaults, ...options }).open(url, {
    maxBytes: 100_000,
    totalMs: 10_000,
    signal,
    ...request,
  });
  try {
    return (await readAll(fetched.source)).toString('latin1');
  } finally {
    fetched.close();
  }
}

async function refusal(...args: Parameters<typeof read>): Promise<StowageError> {
  const error: unknown = await read(...args).then(
    (body) => new Error(`it was fetched: ${body.slice(0, 100)}`),
    (thrown: unknown) => thrown,
  );
  if (!isStowageError(error)) {
    throw error;
  }
  return error;
}

const redirectTo = (location: string, status = 302): Promise<Listening> =>
  serve((_request, response) => response.writeHead(status, { location }).end('moved'));

describe('what is sent', () => {
  it('is a bare GET under its own name, with path and query but no fragment', async () => {
    let seen:
      | { method: string | undefined; url: string | undefined; headers: IncomingHttpHeaders }
      | undefined;
    const { url, port } = await serve((request, response) => {
      seen = { method: request.method, url: request.url, headers: request.headers };
      response.end('hello');
    });
    expect(await read(`${url}/a%20b.jpg?x=1&y=%C3%BC#part`)).toBe('hello');
    expect(seen).toEqual({
      method: 'GET',
      url: '/a%20b.jpg?x=1&y=%C3%BC',
      headers: {
        host: `127.0.0.1:${port}`,
        'user-agent': 'Stowage (test)',
        accept: 'image/*, video/mp4, */*;q=0.1',
        'accept-encoding': 'identity',
        connection: 'close',
      },
    });
  });

  it('carries no cookie that a redirect has set', async () => {
    const cookies: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      cookies.push(request.headers.cookie ?? request.headers.referer);
      if (request.url === '/end') {
        response.end('end');
      } else {
        response.writeHead(302, { location: '/end', 'set-cookie': 'session=1; Path=/' }).end();
      }
    });
    expect(await read(`${url}/start`)).toBe('end');
    expect(cookies).toEqual([undefined, undefined]);
  });

  it('takes no proxy from the environment', async () => {
    const proxy = await serve((_request, response) => response.end('from the proxy'));
    const { url } = await serve((_request, response) => response.end('direct'));
    const names = {
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: proxy.url,
      http_proxy: proxy.url,
      ALL_PROXY: proxy.url,
      NO_PROXY: '',
    };
    const script = `
      import { createSafeFetch } from ${JSON.stringify(new URL('./safe-fetch.ts', import.meta.url).href)};
      import { pinnedGet } from ${JSON.stringify(new URL('../../../outbound/pinned-get.ts', import.meta.url).href)};
      import { readAll } from ${JSON.stringify(new URL('../../streams/peek.ts', import.meta.url).href)};
      const signal = new AbortController().signal;
      const fetched = await createSafeFetch({ ...${JSON.stringify(defaults)}, httpGet: pinnedGet }).open('${url}/', { maxBytes: 1000, totalMs: 10000, signal });
      console.log(String(await readAll(fetched.source)));
      fetched.close();
      http: { const { get } = await import('node:http');
        const answer = await new Promise((resolve, reject) => get('${url}/', resolve).on('error', reject));
        console.log(String(await readAll(answer))); }`;
    const { execFile } = await import('node:child_process');
    const child = execFile(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, ...names },
    });
    let output = '';
    child.stdout?.on('data', (text: string) => (output += text));
    await once(child, 'close');
    // The second line shows that the environment does lead others through the proxy.
    expect(output.trim().split('\n')).toEqual(['direct', 'from the proxy']);
    expect(proxy.connections()).toBe(1);
  });
});

describe('where it connects to', () => {
  it('asks for the addresses once and connects there, whatever the name means a moment later', async () => {
    const right = await serve((request, response) => response.end(`right ${request.headers.host}`));
    const wrong = await serve((_request, response) => response.end('wrong'), '127.0.0.2');
    let asked = 0;
    const resolver = async () => (asked++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']);
    const options = { allowedPrivateHosts: ['rebind.test'], resolver };
    expect(await read(`http://rebind.test:${right.port}/`, options)).toBe(
      `right rebind.test:${right.port}`,
    );
    expect(asked).toBe(1);
    expect(wrong.connections()).toBe(0);
  });

  it('looks the name up again for the next fetch, on a connection of its own', async () => {
    const first = await serve((_request, response) => response.end('first'));
    const other = http.createServer((_request, response) => response.end('second'));
    servers.push(other);
    await once(other.listen(first.port, '127.0.0.2'), 'listening');
    const addresses = ['127.0.0.1', '127.0.0.2'];
    const options = {
      allowedPrivateHosts: ['moved.test'],
      resolver: async () => addresses.splice(0, 1),
    };
    const fetch = createSafeFetch({ ...defaults, ...options });
    const signal = new AbortController().signal;
    const request = { maxBytes: 1000, totalMs: 10_000, signal };
    const bodies = [];
    for (const _ of ['once', 'again']) {
      const fetched = await fetch.open(`http://moved.test:${first.port}/`, request);
      bodies.push((await readAll(fetched.source)).toString());
      fetched.close();
    }
    expect(bodies).toEqual(['first', 'second']);
  });

  it('asks an IPv6 address by its name in brackets', async () => {
    const { port } = await serve(
      (request, response) => response.end(`six ${request.headers.host}`),
      '::1',
    );
    const options = { allowedPrivateHosts: ['::1'] };
    expect(await read(`http://[::1]:${port}/`, options)).toBe(`six [::1]:${port}`);
  });

  it('looks up where a redirect leads, too', async () => {
    const inner = await serve((_request, response) => response.end('secret'), '127.0.0.2');
    const outer = await redirectTo('http://inner.test/');
    expect(await refusal(outer.url, { resolver: async () => ['127.0.0.2'] })).toMatchObject({
      code: 'url_not_allowed',
    });
    expect([outer.connections(), inner.connections()]).toEqual([1, 0]);
  });

  it('tries the next address when one does not answer', async () => {
    const { port } = await serve((_request, response) => response.end('second'), '127.0.0.2');
    const options = {
      allowedPrivateHosts: ['two.test'],
      resolver: async () => ['127.0.0.3', '127.0.0.2'],
    };
    expect(await read(`http://two.test:${port}/`, options)).toBe('second');
  });

  it('opens no connection to a private address, given as it is or by name', async () => {
    const inner = await serve((_request, response) => response.end('secret'), '127.0.0.2');
    expect(await refusal(`http://127.0.0.2:${inner.port}/`)).toMatchObject({ code: 'invalid_url' });
    expect(await refusal('http://127.0.0.2/')).toMatchObject({ code: 'url_not_allowed' });
    expect(await refusal('http://localhost/')).toMatchObject({ code: 'url_not_allowed' });
    expect(
      await refusal('http://inner.test/', { resolver: async () => ['93.184.216.34', '127.0.0.2'] }),
    ).toMatchObject({
      code: 'url_not_allowed',
    });
    expect(inner.connections()).toBe(0);
  });

  it('reports a name that does not exist, and one that takes too long to find', async () => {
    const down = () => Promise.reject(Object.assign(new Error('secret'), { code: 'EAI_AGAIN' }));
    const trouble = await refusal('http://nowhere.test/', { resolver: down });
    expect(trouble).toMatchObject({
      code: 'fetch_failed',
      retryable: true,
      details: { upstreamStatus: null },
    });
    expect(trouble.message).not.toContain('secret');
    const never = { resolver: () => new Promise<never>(() => undefined) };
    expect(await refusal('http://slow.test/', { ...never, connectTimeoutMs: 20 })).toMatchObject({
      code: 'fetch_timeout',
    });
    expect(await refusal('http://slow.test/', never, { totalMs: 20 })).toMatchObject({
      code: 'fetch_timeout',
    });
  });
});

it('a name that does not exist is answered like one of a private network', async () => {
  const missing = () => Promise.reject(Object.assign(new Error('secret'), { code: 'ENOTFOUND' }));
  const answers = [
    missing,
    async () => [],
    async () => ['10.0.0.1'],
    async () => ['168.63.129.16'],
    async () => ['fd00:ec2::254'],
  ];
  const errors = await Promise.all(
    answers.map((resolver) => refusal('http://name.test/', { resolver })),
  );
  const [first] = errors.map(({ code, status, message, details, retryable }) => ({
    code,
    status,
    message,
    details,
    retryable,
  }));
  expect(first).toMatchObject({
    code: 'url_not_allowed',
    message: expect.not.stringContaining('secret'),
  });
  for (const error of errors) {
    expect(error).toMatchObject({ ...first });
  }
});

it.each(['93.184.216.34', '93.184.0.0/16', '2606:2800::/32'])(
  'networks that the owner blocked are refused: %s',
  async (network) => {
    const address = network.includes(':') ? '2606:2800:21f::1' : '93.184.216.34';
    const options = {
      resolver: async () => [address],
      blockedNetworks: ['198.51.100.0/24', network],
    };
    expect(await refusal('http://public.test/', options)).toMatchObject({
      code: 'url_not_allowed',
    });
  },
);

it('a host that the owner trusts is refused as well where it resolves to a network that the owner blocked', async () => {
  const options = {
    allowedPrivateHosts: ['inside.test'],
    resolver: async () => ['10.0.0.1', '10.9.0.1'],
    blockedNetworks: ['10.9.0.0/16'],
  };
  expect(await refusal('http://inside.test/', options)).toMatchObject({ code: 'url_not_allowed' });
});

describe('a host that wants to see a page of its own', () => {
  it('is asked once more, with its origin as Referer', async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.headers.referer);
      response.writeHead(request.headers.referer === `${url}/` ? 200 : 403).end('picture');
    });
    expect(await read(`${url}/a/b.jpg`)).toBe('picture');
    expect(seen).toEqual([undefined, `${url}/`]);
  });

  it('is not asked a third time, nor on behalf of another host', async () => {
    const seen: (string | undefined)[] = [];
    const inner = await serve((request, response) => {
      seen.push(request.headers.referer);
      response.writeHead(403).end();
    });
    const outer = await serve((_request, response) =>
      response.writeHead(302, { location: inner.url }).end(),
    );
    expect(await refusal(outer.url)).toMatchObject({
      code: 'fetch_failed',
      details: { upstreamStatus: 403 },
    });
    expect(seen).toEqual([undefined, `${inner.url}/`]);
  });
});

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])(
    'are followed with status %d, also relative ones',
    async (status) => {
      const { url } = await serve((request, response) => {
        if (request.url === '/deep/end.jpg?a=1') {
          response.end('end');
        } else {
          response.writeHead(status, { location: 'end.jpg?a=1' }).end();
        }
      });
      expect(await read(`${url}/deep/start`)).toBe('end');
    },
  );

  it('are followed five times, not six', async () => {
    const { url } = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) {
        response.end('end');
      } else {
        response.writeHead(302, { location: `/${left - 1}` }).end();
      }
    });
    expect(await read(`${url}/5`)).toBe('end');
    expect(await refusal(`${url}/6`)).toMatchObject({
      code: 'fetch_failed',
      details: { upstreamStatus: 302 },
    });
  });

  it.each([
    (port: number) => `http://127.0.0.2:${port}/`,
    () => 'http://127.0.0.2/',
    () => 'http://127.1.2.3/',
    () => 'http://localhost/',
    () => 'http://0x7f000002/',
    () => 'http://[::1]/',
    () => 'http://[::ffff:127.0.0.2]/',
    () => 'http://169.254.169.254/latest/meta-data/',
    () => '//127.0.0.2/',
    () => 'http://user:secret@93.184.216.34/',
    () => 'http://93.184.216.34:22/',
    () => 'file:///etc/passwd',
    () => 'ftp://93.184.216.34/',
    () => 'http://',
  ])('from an allowed host to %s are refused before a byte is sent', async (locationOf) => {
    const inner = await serve((_request, response) => response.end('secret'), '127.0.0.2');
    const outer = await redirectTo(locationOf(inner.port));
    const error = await refusal(`${outer.url}/`);
    expect(error).toMatchObject({ code: 'url_not_allowed', status: 400 });
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/127|169|secret|passwd/);
    expect([outer.connections(), inner.connections()]).toEqual([1, 0]);
  });

  it('may name their address in UTF-8, or several, of which the first counts', async () => {
    const { url } = await listen(
      createTcpServer((socket) => {
        socket.once('data', (head) => {
          const isEnd = /^GET \/%C3%BC/.test(String(head));
          const found = 'Location: /ü?q=ü\r\nLocation: /other';
          const answer = isEnd ? '200 OK\r\nContent-Length: 3' : `302 Found\r\n${found}`;
          socket.end(`HTTP/1.1 ${answer}\r\n\r\n${isEnd ? 'end' : ''}`);
        });
      }),
    );
    expect(await read(`${url}/start`)).toBe('end');
  });

  it('without a Location are an answer of another status', async () => {
    const { url } = await serve((_request, response) => response.writeHead(302).end());
    expect(await refusal(url)).toMatchObject({
      code: 'fetch_failed',
      details: { upstreamStatus: 302 },
    });
  });
});

describe('answers', () => {
  it.each([204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])(
    'of status %d are fetch_failed, without their text',
    async (status) => {
      const { url } = await serve((_request, response) => {
        response
          .writeHead(status, 'secret reason', { 'x-secret': 'secret' })
          .end(status === 204 || status === 304 ? undefined : 'secret');
      });
      const error = await refusal(url);
      expect(error).toMatchObject({
        code: 'fetch_failed',
        status: 422,
        details: { upstreamStatus: status },
      });
      expect(JSON.stringify([error.message, error.details])).not.toContain('secret');
    },
  );

  const plain = Buffer.from('a picture, said to be one. '.repeat(500));
  const codings: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['identity, gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['zstd', zstdCompressSync],
    ['br, gzip', (bytes) => gzipSync(brotliCompressSync(bytes))],
  ];

  it.each(codings)(
    'compressed by %s are made plain, whatever was asked for',
    async (coding, compress) => {
      const { url } = await serve((_request, response) => {
        const body = compress(plain);
        response
          .writeHead(200, { 'content-encoding': coding, 'content-length': body.length })
          .end(body);
      });
      expect(await read(url)).toBe(plain.toString());
    },
  );

  it.each(codings)(
    'that unpack to more than is allowed end as too large: %s',
    async (coding, compress) => {
      const bomb = compress(Buffer.alloc(20_000_000));
      const { url } = await serve((_request, response) =>
        response.writeHead(200, { 'content-encoding': coding }).end(bomb),
      );
      expect(await refusal(url)).toMatchObject({
        code: 'too_large',
        details: { maxBytes: 100_000 },
      });
    },
  );

  it.each(codings)('that are not compressed by %s, or cut off, fail', async (coding, compress) => {
    for (const body of [Buffer.from('no such thing at all'), compress(plain).subarray(0, -12)]) {
      const { url } = await serve((_request, response) =>
        response.writeHead(200, { 'content-encoding': coding }).end(body),
      );
      expect(await refusal(url)).toMatchObject({
        code: 'fetch_failed',
        details: { upstreamStatus: 200 },
      });
    }
  });

  it('may name their codings in several headers', async () => {
    const body = gzipSync(brotliCompressSync(plain));
    const { url } = await serve((_request, response) => {
      response.setHeader('content-encoding', ['br', 'gzip']);
      response.end(body);
    });
    expect(await read(url)).toBe(plain.toString());
  });

  it.each(['compress', 'sdch', 'constructor', 'gzip, gzip, gzip'])(
    'compressed by %s are refused',
    async (coding) => {
      const { url } = await serve((_request, response) =>
        response.writeHead(200, { 'content-encoding': coding }).end('x'),
      );
      expect(await refusal(url)).toMatchObject({
        code: 'fetch_failed',
        details: { upstreamStatus: 200 },
      });
    },
  );

  it('may say that they are not compressed', async () => {
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'identity' }).end('plain'),
    );
    expect(await read(url)).toBe('plain');
  });

  it('compressed on the way are refused too', async () => {
    const { url } = await say(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    );
    expect(await refusal(url)).toMatchObject({ code: 'fetch_failed' });
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2 secret\r\n'],
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['an endless head', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'another protocol',
      'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['less than announced', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello'],
    ['a broken chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n'],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('of %s are fetch_failed', async (_what, answer) => {
    const { url } = await say(answer);
    const error = await refusal(url);
    expect(error.code).toBe('fetch_failed');
    expect(error.message).not.toMatch(/secret|parse|HPE|ECONN/i);
  });

  it('end where they say, whatever follows', async () => {
    const { url } = await say('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more');
    expect(await read(url)).toBe('hello');
  });

  it('without a length end with the connection', async () => {
    const { url } = await say('HTTP/1.0 200 OK\r\n\r\nhello');
    expect(await read(url)).toBe('hello');
  });

  it('are reported when nobody listens', async () => {
    const { url, port } = await serve(() => undefined);
    servers[0]?.close();
    await once(servers[0] ?? http.createServer(), 'close');
    const error = await refusal(url);
    expect(error).toMatchObject({ code: 'fetch_failed', details: { upstreamStatus: null } });
    expect(error.message).not.toContain(String(port));
  });
});

describe('size and time', () => {
  it('fails with too_large at the announced length, before the body', async () => {
    const { url } = await say('HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n', false);
    expect(await refusal(url)).toMatchObject({ code: 'too_large' });
  });

  it('fails with too_large when an endless body passes the limit, and hangs up', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve((_request, response) => {
      const chunk = Buffer.alloc(16_384);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) {}
      };
      response.on('drain', more).on('close', closed.resolve);
      more();
    });
    expect(await refusal(url)).toMatchObject({ code: 'too_large' });
    await closed.promise;
  });

  it('takes exactly the limit', async () => {
    const { url } = await serve((_request, response) => response.end(Buffer.alloc(100_000)));
    expect((await read(url)).length).toBe(100_000);
  });

  it.each([
    ['no answer', ''],
    ['a head that never ends', 'HTTP/1.1 200 OK\r\nX-Slow: '],
    ['a body that never ends', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
  ])('gives up with fetch_timeout on %s', async (_what, answer) => {
    const { url } = await say(answer, false);
    expect(await refusal(url, {}, { totalMs: 60 })).toMatchObject({
      code: 'fetch_timeout',
      status: 504,
    });
  });

  it('gives up on a connection that is not made in time', async () => {
    // A TLS handshake that nobody answers.
    const { port } = await listen(createTcpServer());
    expect(await refusal(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 50 })).toMatchObject({
      code: 'fetch_timeout',
    });
  });

  it('counts the time of all hops together', async () => {
    const { url } = await serve((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/' }).end(), 50);
    });
    expect(await refusal(url, {}, { totalMs: 120 })).toMatchObject({ code: 'fetch_timeout' });
  });

  it('stops when its caller is gone, with the reason of that', async () => {
    const caller = new AbortController();
    const closed = Promise.withResolvers<void>();
    const { url } = await serve((_request, response) => {
      response.on('close', closed.resolve).write('hello');
      caller.abort(new StowageError('client_closed'));
    });
    expect(await refusal(url, {}, { signal: caller.signal })).toMatchObject({
      code: 'client_closed',
    });
    await closed.promise;
    expect(await refusal(url, {}, { signal: caller.signal })).toMatchObject({
      code: 'client_closed',
    });
  });

  it('lets go of the connection when the body is not wanted', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve(
      (_request, response) => void response.on('close', closed.resolve).write('hello'),
    );
    const fetched = await createSafeFetch(defaults).open(url, {
      maxBytes: 10,
      totalMs: 10_000,
      signal: new AbortController().signal,
    });
    fetched.close();
    fetched.close();
    await closed.promise;
  });
});

describe.skipIf(!isPresent('openssl'))('TLS (certificates made by openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stowage-tls-'));
  const certified = ['tls.test', '127.0.0.1'];
  let identity: { readonly key: Buffer; readonly cert: Buffer };
  const known = getCACertificates('default');

  beforeAll(() => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
          '-subj',
          '/CN=tls.test',
        ],
        ...[
          '-addext',
          `subjectAltName=DNS:${certified[0]},IP:${certified[1]}`,
          '-keyout',
          key,
          '-out',
          cert,
        ],
      ],
      { stdio: 'ignore' },
    );
    identity = { key: readFileSync(key), cert: readFileSync(cert) };
    setDefaultCACertificates([...known, identity.cert.toString()]);
  });
  afterAll(() => {
    setDefaultCACertificates(known);
    rmSync(folder, { recursive: true });
  });

  const serveTls = (listener: RequestListener): Promise<Listening> =>
    listen(https.createServer(identity, listener), { scheme: 'https' });
  const options = {
    allowedPrivateHosts: ['127.0.0.1', 'tls.test', 'other.test'],
    resolver: async () => ['127.0.0.1'],
  };

  it('asks for the name in the url, although it connects to an address', async () => {
    const { port } = await serveTls((request, response) => {
      response.end(
        `${(request.socket as unknown as { servername: string }).servername} ${request.headers.host}`,
      );
    });
    expect(await read(`https://tls.test:${port}/`, options)).toBe(`tls.test tls.test:${port}`);
    expect(await read(`https://tls.test.:${port}/`, options)).toBe(`tls.test tls.test:${port}`);
    expect(await read(`https://127.0.0.1:${port}/`, options)).toBe(`false 127.0.0.1:${port}`);
  });

  it('refuses a certificate of another name or of nobody known, also where the environment would not care', async () => {
    const { port } = await serveTls((_request, response) => response.end('hello'));
    expect(await refusal(`https://other.test:${port}/`, options)).toMatchObject({
      code: 'fetch_failed',
    });
    setDefaultCACertificates(known);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await refusal(`https://tls.test:${port}/`, options)).toMatchObject({
        code: 'fetch_failed',
      });
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      setDefaultCACertificates([...known, identity.cert.toString()]);
    }
  });

  it('is not left by a redirect', async () => {
    const plain = await serve((_request, response) => response.end('plain'));
    const { port } = await serveTls((_request, response) =>
      response.writeHead(302, { location: plain.url }).end(),
    );
    expect(await refusal(`https://tls.test:${port}/`, options)).toMatchObject({
      code: 'url_not_allowed',
    });
    expect(plain.connections()).toBe(0);
  });

  it('may be reached by a redirect', async () => {
    const { port } = await serveTls((_request, response) => response.end('safe'));
    const plain = await redirectTo(`https://tls.test:${port}/`);
    expect(await read(plain.url, options)).toBe('safe');
  });
});
