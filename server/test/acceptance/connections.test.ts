import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { countDescriptors, residentBytes } from './process-facts.ts';
import { openRaw, type RawConnection } from './raw-client.ts';
import { eventually, fieldPart, filePart, multipartBody, srcOf, upload } from './requests.ts';

const MiB = 2 ** 20;
const small = randomBytes(1000);
const large = randomBytes(8 * MiB);
let server: Stowage;
let smallSrc = '';
let largeSrc = '';
const open: RawConnection[] = [];

beforeAll(async () => {
  server = await startStowage({
    env: {
      STOWAGE_UPLOADS_IDLE_TIMEOUT_SECONDS: '2',
      STOWAGE_KEEP_ALIVE_SECONDS: '3',
      STOWAGE_MAX_CONNECTIONS_PER_ADDRESS: '50',
    },
  });
  smallSrc = await srcOf(upload(server, '', { bytes: small, name: 'small.bin' }));
  largeSrc = await srcOf(upload(server, '', { bytes: large, name: 'large.bin' }));
});
afterEach(() => {
  for (const connection of open.splice(0)) {
    connection.close();
  }
});
afterAll(() => server?.stop());

async function connect(): Promise<RawConnection> {
  const connection = await openRaw(server.url);
  open.push(connection);
  return connection;
}

const get = (path: string, ...lines: readonly string[]): string =>
  `${[`GET ${path} HTTP/1.1`, 'Host: gate.example', ...lines].join('\r\n')}\r\n\r\n`;

function post(path: string, body: Buffer, ...lines: readonly string[]): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: gate.example',
    `Authorization: Bearer ${server.adminToken}`,
    'Content-Type: multipart/form-data; boundary=frontier',
    `Content-Length: ${body.length}`,
    ...lines,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

describe('requests sent without waiting for answers', () => {
  it('are answered all, in their order', async () => {
    const connection = await connect();
    const paths = Array.from({ length: 3000 }, (_, at) =>
      at % 100 === 7 ? smallSrc : `/healthz?${at}`,
    );
    connection.write(paths.map((path) => get(path)).join(''));
    const answers = await connection.answers(paths.length);
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
    expect(answers.every(({ body }, at) => body.equals(small) === (at % 100 === 7))).toBe(true);
  });

  it('may be uploads', async () => {
    const connection = await connect();
    const files = Array.from({ length: 20 }, () => randomBytes(30_000));
    const forms = files.map((bytes) => multipartBody([filePart(bytes), fieldPart('note', 'x')]));
    connection.write(Buffer.concat(forms.map((form) => post('/upload', form))));
    const answers = await connection.answers(files.length);
    const sources = answers.map(
      ({ body }) => (JSON.parse(String(body)) as [{ src: string }])[0].src,
    );
    connection.write(sources.map((src) => get(src)).join(''));
    const read = await connection.answers(files.length);
    expect(read.map(({ body }) => body)).toEqual(files);
  });

  it('open one file at a time', async () => {
    const before = await countDescriptors(server.pid);
    const connections = await Promise.all(Array.from({ length: 5 }, connect));
    for (const connection of connections) {
      connection.write(get(largeSrc).repeat(500));
    }
    await eventually(async () =>
      expect((await countDescriptors(server.pid)).others).toBeGreaterThan(before.others),
    );
    await server.fetch('/healthz');
    expect((await countDescriptors(server.pid)).others).toBeLessThanOrEqual(
      before.others + connections.length + 3,
    );
  });

  it('hold one answer at a time', async () => {
    await (
      await server.fetch('/docs/scalar.js', { headers: { 'accept-encoding': 'identity' } })
    ).arrayBuffer();
    const before = await residentBytes(server.pid);
    const connection = await connect();
    connection.write(get('/docs/scalar.js').repeat(100) + get('/openapi.json').repeat(400));
    for (let times = 0; times < 20; times++) {
      await server.fetch('/healthz');
    }
    await delay(300);
    expect((await residentBytes(server.pid)) - before).toBeLessThan(48 * MiB);
  });
});

describe('a connection that is used again and again', () => {
  it.each([
    '/api/v1/media/upload-from-url',
    '/upload/huggingface/completeMultipart',
    '/api/v1/media/x/complete',
  ])('gathers nothing: %s', async (path) => {
    const connection = await connect();
    const body = Buffer.from(
      '{"url":"http://127.0.0.1:1/a.jpg","completionUrl":"http://127.0.0.1:1/","oid":"a","parts":[]}',
    );
    for (let times = 0; times < 15; times++) {
      connection.write(post(path, body));
      await connection.answers(1);
    }
    await server.fetch('/healthz');
    // Node says so at the eleventh listener.
    expect(server.log.filter((line) => line.includes('MaxListeners'))).toEqual([]);
  });
});

describe('a reader', () => {
  it('that takes nothing for the idle time is ended, and what it held is given back', async () => {
    const before = await countDescriptors(server.pid);
    const connections = await Promise.all(Array.from({ length: 20 }, connect));
    for (const connection of connections) {
      connection.write(get(largeSrc));
    }
    await eventually(async () =>
      expect((await countDescriptors(server.pid)).others).toBeGreaterThan(before.others + 15),
    );
    await eventually(async () =>
      expect((await countDescriptors(server.pid)).others).toBeLessThanOrEqual(before.others + 2),
    );
    expect((await connections[0]?.toTheEnd())?.answers).toEqual([]);
  });

  it('that takes little now and then is served to the end', { timeout: 60_000 }, async () => {
    const connection = await connect();
    connection.write(get(largeSrc));
    // In the idle time less than what makes the server's socket take new bytes, but more than what
    // makes the client's system ask for more.
    let left = large.length;
    for (let step = 0; step < 20; step++) {
      await delay(250);
      for (let bytes = 0; bytes < 150_000; ) {
        const chunk = connection.socket.read() as Buffer | null;
        if (chunk === null) {
          break;
        }
        bytes += chunk.length;
        left -= chunk.length;
      }
      expect(connection.socket.destroyed).toBe(false);
    }
    expect(left).toBeGreaterThan(0);
    for await (const bytes of connection.socket) {
      left -= (bytes as Buffer).length;
      if (left <= 0) {
        break;
      }
    }
    expect(left).toBeLessThanOrEqual(0);
  });
});

// A reset takes along what the client has not read yet: the client must be slow to notice.
describe('an early refusal of a body that is still being sent', () => {
  const body = Buffer.alloc(3 * MiB, 'x');
  const refusals = [
    ['/upload', ['Content-Type: multipart/form-data; boundary=frontier'], 401],
    ['/upload?chunked=true', ['Content-Type: multipart/form-data; boundary=frontier'], 401],
    ['/upload', ['Content-Type: application/octet-stream', 'AUTH'], 400],
    ['/api/v1/media/upload', ['Content-Type: application/json'], 401],
    ['/api/v1/media/upload', ['Content-Type: application/json', 'AUTH'], 413],
    ['/relay/none?sig=none', ['Content-Type: image/png'], 403],
    ['/nowhere', ['Content-Type: image/png'], 404],
    ['/healthz', ['Content-Type: image/png'], 405],
  ] as const;
  const closing = [
    ['1.1', 'Connection: close'],
    ['1.0', 'X-Old: yes'],
  ] as const;

  it.each(refusals.flatMap((refusal) => closing.map((close) => [...refusal, ...close] as const)))(
    '%s with %j is read: %i (HTTP/%s, %s)',
    async (path, headers, status, version, line) => {
      const length = ['Content-Length', String(body.length)].join(': ');
      const own = headers.map((header) =>
        header === 'AUTH' ? `Authorization: Bearer ${server.adminToken}` : header,
      );
      const head = [
        `${path.startsWith('/relay') ? 'PUT' : 'POST'} ${path} HTTP/${version}`,
        'Host: gate.example',
        line,
        length,
        ...own,
      ];
      for (let times = 0; times < 5; times++) {
        const connection = await connect();
        connection.write(`${head.join('\r\n')}\r\n\r\n`);
        for (let at = 0; at < body.length; at += MiB) {
          connection.write(body.subarray(at, at + MiB));
          await delay(10);
        }
        const { answers, error } = await connection.toTheEnd();
        expect([answers.map((answer) => answer.status), error]).toEqual([[status], undefined]);
      }
    },
  );
});

it.each([
  ['/upload', ['-F', 'file=@-;filename=a.bin'], '401'],
  ['/upload?chunked=true', ['-F', 'file=@-;filename=a.bin'], '401'],
  ['/relay/none?sig=none', ['-X', 'PUT', '--data-binary', '@-'], '403'],
  ['/api/v1/media/upload', ['--json', '@-'], '401'],
] as const)(
  'curl always shows the early refusal of %s',
  { timeout: 60_000 },
  async (path, how, status) => {
    for (const version of ['--http1.1', '--http1.0']) {
      for (let times = 0; times < 10; times++) {
        const args = [
          '-sS',
          version,
          '-o',
          '/dev/null',
          '-w',
          '%{http_code}',
          '-H',
          'Connection: close',
          '-H',
          'Expect:',
          ...how,
        ];
        const curl = promisify(execFile)('curl', [...args, server.url + path], {
          encoding: 'utf8',
        });
        curl.child.stdin?.on('error', () => undefined).end(large);
        expect((await curl).stdout).toBe(status);
      }
    }
  },
);

describe('a head that', () => {
  const envelope = /^\{"data":null,"error":\{"message":/;
  const heads: readonly (readonly [
    what: string,
    lines: readonly string[],
    status: number,
    body: RegExp,
  ])[] = [
    ['names no host', ['GET /api/v1/me HTTP/1.1'], 400, envelope],
    ['names no host, at an unknown address', ['GET /nowhere HTTP/1.1'], 400, envelope],
    ['names no host, at the root', ['GET / HTTP/1.1'], 400, envelope],
    ['names no host, at a relay', ['PUT /relay/x HTTP/1.1'], 400, envelope],
    ['names no host, for a file', ['GET /file/a.txt HTTP/1.1'], 400, /^Error: /],
    [
      'names no host, for an upload',
      ['POST /upload HTTP/1.1', 'Content-Length: 0'],
      400,
      /^Error: /,
    ],
    ['names no host, of the server', ['GET /healthz HTTP/1.1'], 400, /^\{"error":"/],
    [
      'names two hosts',
      ['GET /api/v1/me HTTP/1.1', 'Host: a.example', 'Host: b.example'],
      400,
      envelope,
    ],
    [
      'names a host twice',
      ['GET /file/a.txt HTTP/1.1', 'Host: a.example', 'host: a.example'],
      400,
      /^Error: /,
    ],
    [
      'has an unknown expectation',
      ['GET /api/v1/me HTTP/1.1', 'Host: a', 'Expect: 200-ok'],
      417,
      envelope,
    ],
    [
      'has an unknown expectation, for an upload',
      ['POST /upload HTTP/1.1', 'Host: a', 'Expect: x', 'Content-Length: 0'],
      417,
      /^Error: /,
    ],
    [
      'has an unknown expectation, at an unknown address',
      ['PUT /x HTTP/1.1', 'Host: a', 'Expect: x'],
      417,
      envelope,
    ],
    [
      'names two types',
      [
        'POST /api/v1/media/upload HTTP/1.1',
        'Host: a',
        'Content-Type: application/json',
        'Content-Type: text/plain',
        'Content-Length: 0',
      ],
      400,
      envelope,
    ],
    [
      'has two credentials',
      ['GET /api/v1/me HTTP/1.1', 'Host: a', 'Authorization: Bearer a', 'Authorization: Bearer b'],
      400,
      envelope,
    ],
    [
      'brings a part of a file',
      ['PUT /relay/x HTTP/1.1', 'Host: a', 'Content-Range: bytes 0-9/100', 'Content-Length: 0'],
      400,
      /Content-Range/,
    ],
    [
      'brings a part of an upload',
      ['POST /upload HTTP/1.1', 'Host: a', 'Content-Range: bytes 10-19/*', 'Content-Length: 0'],
      400,
      /Content-Range/,
    ],
    ['is too long', ['GET / HTTP/1.1', 'Host: a', `X-Long: ${'x'.repeat(80_000)}`], 431, envelope],
    ['is no head', ['what is this'], 400, envelope],
    // These say one thing.
    [
      'brings all of a file by range',
      ['PUT /relay/x HTTP/1.1', 'Host: a', 'Content-Range: bytes 0-9/10'],
      403,
      envelope,
    ],
    [
      'brings a chunk with its range',
      [
        'POST /upload?chunked=true HTTP/1.1',
        'Host: a',
        'Content-Range: bytes 0-9/100',
        'Content-Length: 0',
      ],
      401,
      /^Unauthorized$/,
    ],
    ['names no host in HTTP/1.0', ['GET /healthz HTTP/1.0'], 200, /ok/],
    ['has an unknown expectation in HTTP/1.0', ['GET /healthz HTTP/1.0', 'Expect: x'], 200, /ok/],
    [
      'names one type twice',
      ['GET /healthz HTTP/1.1', 'Host: a', 'Content-Type: text/plain', 'Content-Type: text/plain'],
      200,
      /ok/,
    ],
  ];
  it.each(heads)('%s', async (_, lines, status, body) => {
    const connection = await connect();
    connection.write(`${lines.join('\r\n')}\r\n\r\n`);
    const [answer] = await connection.answers(1);
    expect([answer?.status, String(answer?.body)]).toEqual([status, expect.stringMatching(body)]);
  });
});

describe('what is not HTTP', () => {
  it('is refused behind the answers to what was asked before it, and spoils none', async () => {
    const connection = await connect();
    connection.write(`${get(largeSrc)}${get('/healthz')}${get(smallSrc)}garbage\r\n\r\n`);
    const { answers, error } = await connection.toTheEnd();
    expect([answers.map(({ status }) => status), error]).toEqual([[200, 200, 200, 400], undefined]);
    expect(answers[0]?.body.equals(large)).toBe(true);
    expect(answers[2]?.body.equals(small)).toBe(true);
  });

  it('is refused at once in the body of a request, behind others', async () => {
    const connection = await connect();
    const head = `POST /api/v1/media/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${server.adminToken}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    connection.write(`${get('/healthz')}${head}zzz\r\n`);
    const { answers, error } = await connection.toTheEnd();
    expect([answers.map(({ status }) => status), error]).toEqual([[200, 400], undefined]);
  });

  it('is refused once, however much comes', async () => {
    const connection = await connect();
    const noise = Buffer.alloc(MiB, 'no http\r\n');
    for (let times = 0; times < 5; times++) {
      connection.write(noise);
      await delay(10);
    }
    const { answers, error } = await connection.toTheEnd();
    expect([answers.map(({ status }) => status), error]).toEqual([[400], undefined]);
  });
});

describe('an idle connection', () => {
  it('is kept as long as the setting says', async () => {
    const connection = await connect();
    connection.write(get('/healthz'));
    const [first] = await connection.answers(1);
    expect(first?.headers.get('keep-alive')).toBe('timeout=3');
    await delay(2600);
    connection.write(get('/healthz'));
    expect((await connection.answers(1)).map(({ status }) => status)).toEqual([200]);
    const since = Date.now();
    expect(await connection.toTheEnd()).toEqual({ answers: [], error: undefined });
    expect(Date.now() - since).toBeGreaterThan(2900);
  });
});

describe('connections of one address', () => {
  it('beyond the setting are closed, and others are served', async () => {
    const tries = await Promise.allSettled(
      Array.from({ length: 60 }, () => openRaw(server.url, '127.0.0.9')),
    );
    const many = tries.flatMap((tried) => (tried.status === 'fulfilled' ? [tried.value] : []));
    open.push(...many);
    for (const connection of many) {
      connection.write(get('/healthz'));
    }
    const answers = await Promise.all(many.map((connection) => connection.answers(1)));
    expect(answers.flat().length).toBe(50);
    const other = await openRaw(server.url, '127.0.0.8');
    open.push(other);
    other.write(get('/healthz'));
    expect(await other.answers(1)).toHaveLength(1);
    for (const connection of many) {
      connection.close();
    }
    await eventually(async () => {
      const again = await openRaw(server.url, '127.0.0.9');
      open.push(again);
      again.write(get('/healthz'));
      expect(await again.answers(1)).toHaveLength(1);
    });
  });
});
