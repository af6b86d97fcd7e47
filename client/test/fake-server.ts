import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

/** What a handler sees of a request. */
export interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly form: () => Promise<FormData>;
  readonly bytes: () => Promise<Buffer>;
}

export interface Reply {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection instead of answering. */
  readonly hangUp?: boolean;
}

export type Handler = (seen: Seen) => Reply | Promise<Reply>;

/** A server on a free port of the loopback address that answers what the handler says. */
export async function startFakeServer(handler: Handler) {
  const server = createServer((request, response) => {
    const body = () =>
      new Response(Readable.toWeb(request) as ReadableStream, {
        headers: { 'content-type': request.headers['content-type'] ?? '' },
      });
    const seen: Seen = {
      method: request.method ?? '',
      url: new URL(request.url ?? '', 'http://fake'),
      headers: request.headers,
      form: () => body().formData(),
      bytes: async () => Buffer.from(await body().arrayBuffer()),
    };
    Promise.resolve(handler(seen)).then(
      ({ status = 200, json, text, headers, hangUp }) => {
        if (hangUp) {
          request.socket.destroy();
        } else {
          response.writeHead(status, headers).end(text ?? JSON.stringify(json));
        }
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
