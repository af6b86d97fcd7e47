import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rangedResult } from '../channels/shared/ranged.ts';
import { createHttpClient, type HttpClientOptions } from './http-client.ts';

const canary = 'canary/secret+token';
const signal = new AbortController().signal;

async function withServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  options: Partial<HttpClientOptions> = {},
) {
  const sockets = new Set<unknown>();
  const server = createServer(handle).on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createHttpClient({ service: 'Test', secrets: [canary], ...options });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    client,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(canary)}`,
    sockets,
  };
}

async function* chunks(...sizes: number[]) {
  for (const size of sizes) {
    yield Buffer.alloc(size, 1);
  }
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'x-length': request.headers['content-length'] ?? request.headers['transfer-encoding'] ?? 'none',
  });
  request.pipe(response);
}

describe('http client', () => {
  it('streams a body of known length and reads the answer', async () => {
    const { client, url } = await withServer(echo);
    const response = await client.send({
      method: 'POST',
      url,
      body: chunks(10, 0, 100_000),
      contentLength: 100_010,
      signal,
    });
    expect(response.header('X-Length')).toBe('100010');
    expect((await readAll(response.stream)).length).toBe(100_010);
  });

  it('streams a body of unknown length', async () => {
    const { client, url } = await withServer(echo);
    const response = await client.send({ method: 'POST', url, body: chunks(5, 7), signal });
    expect(response.header('x-length')).toBe('chunked');
    expect((await readAll(response.stream)).length).toBe(12);
  });

  it('sends and reads JSON, and says undefined for what is none', async () => {
    const { client, url } = await withServer(echo);
    const send = async (body: string) =>
      (await client.send({ method: 'POST', url, body, signal })).json();
    expect(await send('{"a":[1]}')).toEqual({ a: [1] });
    expect(await send('{"a":')).toBeUndefined();
    expect(await send('')).toBeUndefined();
  });

  it('passes an error of the source on as it is', async () => {
    const { client, url } = await withServer(echo);
    const error = new Error('the caller hung up');
    async function* failing() {
      yield Buffer.alloc(10);
      throw error;
    }
    await expect(
      client.send({ method: 'POST', url, body: failing(), contentLength: 20, signal }),
    ).rejects.toBe(error);
  });

  it('refuses a source that is shorter or longer than announced', async () => {
    const { client, url } = await withServer(echo);
    const send = (contentLength: number) =>
      client.send({ method: 'PUT', url, body: chunks(10, 10), contentLength, signal });
    await expect(send(21)).rejects.toMatchObject({ code: 'incomplete_body' });
    await expect(send(19)).rejects.toMatchObject({ code: 'size_mismatch' });
  });

  it('says channel_unavailable, without the secret, for what the network does', async () => {
    const { client, url } = await withServer((request) => request.socket.resetAndDestroy());
    const errors = [
      await client.send({ method: 'GET', url, signal }).catch((error: unknown) => error),
      await client
        .send({ method: 'GET', url: `http://127.0.0.1:1/${canary}`, signal })
        .catch((error: unknown) => error),
      await client
        .send({ method: 'GET', url: `nonsense://${canary}`, signal })
        .catch((error: unknown) => error),
    ];
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'channel_unavailable' });
      expect(`${(error as Error).stack} ${(error as Error).cause}`).not.toMatch(/canary/);
    }
  });

  it('says channel_unavailable for an answer that breaks off', async () => {
    const { client, url } = await withServer((_, response) => {
      response
        .writeHead(200, { 'content-length': '100000' })
        .write(Buffer.alloc(1000), () => response.destroy());
    });
    const { stream } = await client.send({ method: 'GET', url, signal });
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('gives up a server that says nothing', async () => {
    const { client, url } = await withServer(() => undefined, { idleTimeoutMs: 50 });
    await expect(client.send({ method: 'GET', url, signal })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
  });

  it('rejects with the reason of an abort: before, during the call, during the answer', async () => {
    const { client, url } = await withServer((request, response) => {
      if (request.method === 'GET') {
        response.writeHead(200).write('first');
      }
    });
    await expect(
      client.send({ method: 'POST', url, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
    const during = AbortSignal.timeout(20);
    await expect(client.send({ method: 'POST', url, signal: during })).rejects.toThrow(
      expect.objectContaining({ name: 'TimeoutError' }),
    );
    const controller = new AbortController();
    const { stream } = await client.send({ method: 'GET', url, signal: controller.signal });
    const read = async () => {
      for await (const _ of stream) {
        controller.abort(new Error('enough'));
      }
    };
    await expect(read()).rejects.toThrow('enough');
  });

  it('takes an answer that comes before the body is out', async () => {
    const { client, url } = await withServer((_, response) =>
      response.writeHead(413, { connection: 'close' }).end('too large'),
    );
    const response = await client.send({
      method: 'POST',
      url,
      body: chunks(...Array(64).fill(65_536)),
      signal,
    });
    expect(response.status).toBe(413);
    expect(await response.text()).toBe('too large');
  });

  it('keeps its sockets for calls in a row, whole and ranged', async () => {
    const body = Buffer.alloc(200_000, 7);
    const { client, url, sockets } = await withServer((request, response) => {
      const [, start = '0', end = '199999'] =
        /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      const part = body.subarray(Number(start), Number(end) + 1);
      response
        .writeHead(206, {
          'content-range': `bytes ${start}-${end}/200000`,
          'content-length': part.length,
        })
        .end(part);
    });
    const ranges = [
      { start: 0, end: 199_999 },
      { start: 5, end: 70_000 },
      { start: 199_999, end: 199_999 },
    ];
    for (const range of [...ranges, ...ranges, ...ranges, ...ranges]) {
      const response = await client.send({
        method: 'GET',
        url,
        headers: { range: `bytes=${range.start}-${range.end}` },
        signal,
      });
      const { stream, size } = rangedResult(response, { service: 'Test', size: 200_000, range });
      expect((await readAll(stream)).length).toBe(size);
    }
    expect(sockets.size).toBe(1);
  });

  it.each(['text', 'json', 'discard'] as const)('keeps its socket after %s', async (read) => {
    const { client, url, sockets } = await withServer((_, response) => response.end('{}'));
    for (let times = 0; times < 5; times++) {
      await (await client.send({ method: 'GET', url, signal }))[read]();
    }
    expect(sockets.size).toBe(1);
  });

  it('sends an exact path letter for letter', async () => {
    const { client, url } = await withServer((request, response) => response.end(request.url));
    const { origin } = new URL(url);
    const exactPath = "/a/../b/./c//%2f'(x)?q=%20&r=a+b";
    const response = await client.send({ method: 'GET', url: origin, exactPath, signal });
    expect(await response.text()).toBe(exactPath);
  });
});
