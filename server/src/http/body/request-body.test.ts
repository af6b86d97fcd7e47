import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { fail } from '../../core/errors.ts';
import { type BodyOptions, bodyOf, drain } from './request-body.ts';

const MiB = 1024 * 1024;
const limits: BodyOptions = { maxBytes: 64 * MiB, idleMs: 10_000 };
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    socket.destroy();
  }
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<number> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error) => response.destroy(error));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/**
 * A server that passes its only request to `read` and returns what `read` resolves or rejects with.
 */
async function serveOnce<T>(
  read: (request: IncomingMessage) => Promise<T>,
): Promise<{ port: number; outcome: Promise<T> }> {
  const { promise: outcome, resolve, reject } = Promise.withResolvers<T>();
  outcome.catch(() => undefined);
  const port = await listen(async (request, response) => {
    await read(request).then(resolve, reject);
    response.end();
    await drain(request);
  });
  return { port, outcome };
}

async function open(port: number, ...head: string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(`${['POST / HTTP/1.1', 'Host: x', ...head].join('\r\n')}\r\n\r\n`);
  return socket;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function post(
  port: number,
  body: Iterable<Uint8Array>,
  headers: Record<string, string | number> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    client.on('error', reject);
    Readable.from(body).pipe(client);
  });
}

describe('bodyOf', () => {
  it.each([0, 1, 10_000, 8 * MiB])(
    'reads a body of %i bytes, with a length or chunked',
    async (size) => {
      const bytes = Buffer.alloc(size, 'stowage ');
      const port = await listen(async (request, response) => {
        response.end(String((await collect(bodyOf(request, limits))).equals(bytes)));
      });
      expect(await post(port, [bytes], { 'Content-Length': size })).toBe('200 true');
      expect(await post(port, [bytes])).toBe('200 true');
    },
  );

  it('holds about a MiB at most while the reader is busy, then goes on', async () => {
    const { port, outcome } = await serveOnce(async (request) => {
      const body = bodyOf(request, limits)[Symbol.asyncIterator]();
      let bytes = (await body.next()).value?.length ?? 0;
      let heldBytes = -bytes;
      request.on('data', (chunk: Buffer) => {
        heldBytes += chunk.length;
      });
      await once(request, 'pause');
      const highest = heldBytes;
      for (let step = await body.next(); !step.done; step = await body.next()) {
        bytes += step.value.length;
      }
      return { bytes, highest };
    });
    await post(port, [Buffer.alloc(32 * MiB)]);
    const { bytes, highest } = await outcome;
    expect(bytes).toBe(32 * MiB);
    expect(highest).toBeLessThan(1.5 * MiB);
  });

  it('refuses what is announced as too large before reading it', async () => {
    const { port, outcome } = await serveOnce((request) =>
      collect(bodyOf(request, { ...limits, maxBytes: 10 })),
    );
    await open(port, 'Content-Length: 11');
    await expect(outcome).rejects.toMatchObject({ code: 'too_large', details: { maxBytes: 10 } });
  });

  it('stops a chunked body at the limit without waiting for its end', async () => {
    const { port, outcome } = await serveOnce((request) =>
      collect(bodyOf(request, { ...limits, maxBytes: 10 })),
    );
    const socket = await open(port, 'Transfer-Encoding: chunked');
    socket.write('5\r\nabcde\r\n5\r\nabcde\r\n');
    socket.write('1\r\nx\r\n');
    await expect(outcome).rejects.toMatchObject({ code: 'too_large' });
  });

  it('takes exactly the limit', async () => {
    const { port, outcome } = await serveOnce((request) =>
      collect(bodyOf(request, { ...limits, maxBytes: 10 })),
    );
    const socket = await open(port, 'Transfer-Encoding: chunked');
    socket.write('a\r\n0123456789\r\n0\r\n\r\n');
    expect(String(await outcome)).toBe('0123456789');
  });

  it.each([['Content-Length: 100'], ['Transfer-Encoding: chunked']])(
    'tells when the connection is cut (%s)',
    async (framing) => {
      const { promise: arrived, resolve } = Promise.withResolvers<void>();
      const { port, outcome } = await serveOnce(async (request) => {
        for await (const _ of bodyOf(request, limits)) {
          resolve();
        }
      });
      const socket = await open(port, framing);
      socket.write('5\r\nabcde\r\n');
      await arrived;
      socket.destroy();
      await expect(outcome).rejects.toMatchObject({ code: 'client_closed' });
    },
  );

  it('tells when the connection was cut before anybody read', async () => {
    const { port, outcome } = await serveOnce(async (request) => {
      await new Promise((resolve) => request.on('close', resolve));
      return collect(bodyOf(request, limits));
    });
    (await open(port, 'Content-Length: 100')).destroy();
    await expect(outcome).rejects.toMatchObject({ code: 'client_closed' });
  });

  it('gives up after a silence, but not on a slow client or a slow reader', async () => {
    const idle = { ...limits, idleMs: 150 };
    const { port, outcome } = await serveOnce(async (request) => {
      let seen = '';
      try {
        for await (const chunk of bodyOf(request, idle)) {
          seen += Buffer.from(chunk).toString();
          if (seen === 'a') {
            await new Promise((resolve) => setTimeout(resolve, 300));
          }
        }
      } catch (error) {
        return { seen, error };
      }
      return undefined;
    });
    const socket = await open(port, 'Content-Length: 100');
    for (const letter of 'abcde') {
      socket.write(letter);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(await outcome).toMatchObject({
      seen: 'abcde',
      error: { code: 'client_closed', status: 408 },
    });
  });

  it('stops when the signal is aborted, with the reason', async () => {
    const stopping = new AbortController();
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    const { port, outcome } = await serveOnce(async (request) => {
      for await (const _ of bodyOf(request, { ...limits, signal: stopping.signal })) {
        resolve();
      }
    });
    const socket = await open(port, 'Content-Length: 100');
    socket.write('x');
    await arrived;
    stopping.abort(fail('service_unavailable'));
    await expect(outcome).rejects.toMatchObject({ code: 'service_unavailable' });
  });
});

describe('drain', () => {
  const refuse = async (request: IncomingMessage, response: ServerResponse) => {
    await expect(collect(bodyOf(request, { ...limits, maxBytes: MiB }))).rejects.toMatchObject({
      code: 'too_large',
    });
    response.writeHead(413, { 'Content-Type': 'application/json' }).end('{"error":"too_large"}');
    await drain(request);
  };

  it('lets a client that sends everything first read the reply, and use the connection again', async () => {
    const port = await listen(async (request, response) => {
      if (request.method === 'GET') {
        response.end('again');
      } else {
        await refuse(request, response);
      }
    });
    const socket = await open(port, `Content-Length: ${16 * MiB}`);
    for (let i = 0; i < 16; i++) {
      if (!socket.write(Buffer.alloc(MiB))) {
        await once(socket, 'drain');
      }
    }
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answer = String(await collect(socket));
    expect(answer).toMatch(/^HTTP\/1.1 413 .*\{"error":"too_large"\}.*HTTP\/1.1 200 .*again/s);
  });

  it('goes on after a reader that left early, or stays away', async () => {
    const port = await listen(async (request, response) => {
      for await (const _ of bodyOf(request, limits)) {
        break;
      }
      bodyOf(request, limits)
        [Symbol.asyncIterator]()
        .next()
        .catch(() => undefined);
      response.end('early');
      await drain(request);
      expect(request.readableEnded).toBe(true);
    });
    expect(await post(port, [Buffer.alloc(8 * MiB)])).toBe('200 early');
    expect(await post(port, [Buffer.alloc(8 * MiB)], { 'Content-Length': 8 * MiB })).toBe(
      '200 early',
    );
  });

  it('cuts the connection past its limits', async () => {
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const port = await listen(async (request, response) => {
      response.end('no');
      await drain(request, { maxBytes: MiB });
      resolve();
    });
    const socket = await open(port, `Content-Length: ${64 * MiB}`);
    socket.write(Buffer.alloc(8 * MiB));
    await drained;
    await new Promise((resolve) => socket.on('close', resolve).resume());
  });

  it('cuts the connection of a client that only trickles', async () => {
    const port = await listen(async (request, response) => {
      response.end('no');
      await drain(request, { timeoutMs: 50 });
    });
    const socket = await open(port, 'Content-Length: 100');
    await new Promise((resolve) => socket.on('close', resolve).resume());
  });
});
