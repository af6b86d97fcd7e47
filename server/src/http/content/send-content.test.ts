import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import { type Content, type Sent, sendContent } from './send-content.ts';

const servers: Server[] = [];
const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const lastModifiedAt = Date.parse('2026-01-02T03:04:05.678Z');

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function* chunks(source: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.length; at += size) {
    yield source.subarray(at, at + size);
  }
}

interface Setup {
  readonly size?: number;
  readonly stream?: (
    range: ByteRange | undefined,
    signal: AbortSignal,
  ) => ByteSource | Promise<ByteSource>;
}

async function serve({ size = bytes.length, stream }: Setup = {}) {
  const opened: (ByteRange | undefined)[] = [];
  const sent: (Sent | { readonly error: unknown })[] = [];
  const finished = Promise.withResolvers<void>();
  const content: Content = {
    etag: '"tag"',
    lastModifiedAt,
    size,
    headers: {
      'Content-Type': 'image/png',
      'Cache-Control': 'public',
      'Content-Disposition': 'inline',
      'X-Content-Type-Options': 'nosniff',
    },
    async open(range, signal) {
      opened.push(range);
      const part =
        range === undefined ? bytes.subarray(0, size) : bytes.subarray(range.start, range.end + 1);
      return { stream: (await stream?.(range, signal)) ?? chunks(part, 300), size: part.length };
    },
  };
  const server = createServer((request, response) => {
    sendContent(request, response, content)
      .then(
        (outcome) => sent.push(outcome),
        (error) => {
          sent.push({ error });
          response.writeHead(isStowageError(error) ? error.status : 500).end('error page');
        },
      )
      .then(() => finished.resolve());
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, opened, sent, finished: finished.promise };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly complete: boolean;
}

function fetchFrom(
  port: number,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const client = httpRequest({ port, host: '127.0.0.1', method, headers }, (response) => {
      const body: Buffer[] = [];
      const done = () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(body),
          complete: response.complete,
        });
      response
        .on('data', (chunk: Buffer) => body.push(chunk))
        .on('end', done)
        .on('error', done);
    });
    client.on('error', reject).end();
  });
}

describe('sendContent', () => {
  it('sends the whole with its validators', async () => {
    const { port, sent } = await serve();
    const { status, headers, body } = await fetchFrom(port);
    expect(status).toBe(200);
    expect(body.equals(bytes)).toBe(true);
    expect(headers).toMatchObject({
      etag: '"tag"',
      'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
      'accept-ranges': 'bytes',
      'content-length': '1000',
      'content-type': 'image/png',
    });
    expect(sent).toEqual([{ status: 200, bytes: 1000 }]);
  });

  it('answers HEAD as GET, without opening anything', async () => {
    const { port, opened } = await serve();
    const head = await fetchFrom(port, {}, 'HEAD');
    expect(opened).toEqual([]);
    const get = await fetchFrom(port);
    const comparable = ({ date: _, ...headers }: IncomingHttpHeaders) => headers;
    expect(comparable(head.headers)).toEqual(comparable(get.headers));
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(await fetchFrom(port, { Range: 'bytes=0-1' }, 'HEAD')).toMatchObject({ status: 200 });
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=100-899', 100, 899],
    ['bytes=-10', 990, 999],
    ['bytes=990-5000', 990, 999],
  ])('sends %s', async (range, start, end) => {
    const { port, opened } = await serve();
    const { status, headers, body } = await fetchFrom(port, { Range: range });
    expect(status).toBe(206);
    expect(headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/1000`,
      'content-length': String(end - start + 1),
    });
    expect(body.equals(bytes.subarray(start, end + 1))).toBe(true);
    expect(opened).toEqual([{ start, end }]);
  });

  it.each([
    { Range: 'bytes=0-1,3-4' },
    { Range: 'bytes=5-2' },
    { Range: 'lines=1-2' },
    { Range: 'bytes=0-1', 'If-Range': '"old"' },
  ])('sends the whole for %j', async (headers) => {
    const { port } = await serve();
    expect(await fetchFrom(port, headers as Record<string, string>)).toMatchObject({
      status: 200,
      body: bytes,
    });
  });

  it.each(['"tag"', new Date(lastModifiedAt).toUTCString()])(
    'sends the range when If-Range is %s',
    async (condition) => {
      const { port } = await serve();
      expect(await fetchFrom(port, { Range: 'bytes=0-1', 'If-Range': condition })).toMatchObject({
        status: 206,
      });
    },
  );

  it('refuses a range beyond the end', async () => {
    const { port, opened } = await serve();
    const { status, headers, body } = await fetchFrom(port, { Range: 'bytes=1000-' });
    expect({ status, length: body.length, opened }).toEqual({ status: 416, length: 0, opened: [] });
    expect(headers).toMatchObject({ 'content-range': 'bytes */1000', 'cache-control': 'no-store' });
  });

  it('answers conditions without opening anything', async () => {
    const { port, opened } = await serve();
    const { status, headers, body } = await fetchFrom(port, {
      'If-None-Match': 'W/"tag"',
      Range: 'bytes=0-1',
    });
    expect({ status, length: body.length }).toEqual({ status: 304, length: 0 });
    expect(headers).toMatchObject({
      etag: '"tag"',
      'cache-control': 'public',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['content-type']).toBeUndefined();
    expect(await fetchFrom(port, { 'If-Match': '"other"' })).toMatchObject({ status: 412 });
    expect(opened).toEqual([]);
  });

  it('sends an empty file', async () => {
    const { port } = await serve({ size: 0 });
    expect(await fetchFrom(port)).toMatchObject({
      status: 200,
      headers: { 'content-length': '0' },
      complete: true,
    });
    expect(await fetchFrom(port, { Range: 'bytes=0-' })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */0' },
    });
  });

  it.each<[string, () => ByteSource | Promise<ByteSource>]>([
    ['opening fails', () => Promise.reject(fail('channel_unavailable'))],
    [
      'the first read fails',
      // biome-ignore lint/correctness/useYield: it fails before.
      async function* () {
        throw fail('channel_unavailable');
      },
    ],
    ['nothing comes', async function* () {}],
  ])('lets the caller answer with an error when %s', async (_, stream) => {
    const { port, sent } = await serve({ stream });
    expect(await fetchFrom(port)).toMatchObject({
      status: 502,
      body: Buffer.from('error page'),
      complete: true,
    });
    expect(sent).toMatchObject([{ error: { code: 'channel_unavailable' } }]);
  });

  it.each<[string, () => ByteSource]>([
    [
      'breaks',
      async function* () {
        yield bytes.subarray(0, 500);
        throw new Error('disk');
      },
    ],
    ['is short', () => chunks(bytes.subarray(0, 999), 100)],
    ['is long', () => chunks(Buffer.concat([bytes, bytes]), 700)],
  ])('cuts the connection when the content %s midway', async (_, stream) => {
    const { port, sent, finished } = await serve({ stream });
    // The connection may be cut before the first bytes.
    const reply = await fetchFrom(port).catch(() => undefined);
    expect(reply?.complete ?? false).toBe(false);
    expect(reply?.body.length ?? 0).toBeLessThan(1000);
    await finished;
    expect(sent).toMatchObject([{ status: 200, failure: expect.any(Error) }]);
  });

  it('waits for a slow reader instead of collecting, and stops the store when it leaves', async () => {
    const size = 256 * 1024 * 1024;
    const stopped = Promise.withResolvers<unknown>();
    let readBytes = 0;
    const { port, sent, finished } = await serve({
      size,
      async *stream(_, signal) {
        signal.addEventListener('abort', () => stopped.resolve(signal.reason));
        for (; readBytes < size; readBytes += 65_536) {
          yield Buffer.alloc(65_536);
        }
      },
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    let before = -1;
    while (before !== readBytes) {
      before = readBytes;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(readBytes).toBeLessThan(size / 4);
    socket.destroy();
    expect(await stopped.promise).toMatchObject({ code: 'client_closed' });
    await finished;
    expect(sent).toMatchObject([{ status: 200, failure: { code: 'client_closed' } }]);
  });

  it('leaves the source when all is sent', async () => {
    let left = false;
    const { port, finished } = await serve({
      async *stream() {
        try {
          yield bytes;
          yield bytes;
        } finally {
          left = true;
        }
      },
    });
    expect(await fetchFrom(port)).toMatchObject({ status: 200, body: bytes });
    await finished;
    expect(left).toBe(true);
  });
});
