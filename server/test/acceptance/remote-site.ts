import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web site on this machine that people import files from. */
export interface RemoteSite {
  readonly url: string;
  /** What was asked for, in order, as `GET /path`. */
  readonly requests: readonly string[];
  /** The next request for the path is answered by this; it stays until replaced. */
  on(path: string, answer: Answer): void;
  /** Resolves when the path is asked for the `count`th time. */
  asked(path: string, count?: number): Promise<void>;
  close(): Promise<void>;
}

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** These bytes; the type they are called is wrong on purpose. */
export const bytes =
  (content: Uint8Array, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response
      .writeHead(200, { 'content-type': 'text/html', 'content-length': content.length, ...headers })
      .end(content);

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end('secret words of the remote');

/** The first part of the bytes; then nothing more comes, and the connection stays open. */
export const stalling =
  (content: Uint8Array, sent = Math.floor(content.length / 2)): Answer =>
  (response) =>
    void response
      .writeHead(200, { 'content-length': content.length })
      .write(content.subarray(0, sent));

/** The bytes, then more until somebody hangs up. */
export const endless =
  (content: Uint8Array): Answer =>
  (response) => {
    const filler = Buffer.alloc(65_536);
    const more = (): void => {
      while (!response.destroyed && response.write(filler)) {}
    };
    response.on('drain', more).write(content);
    more();
  };

export async function openSite(host = '127.0.0.1'): Promise<RemoteSite> {
  const answers = new Map<string, Answer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    server.emit('asked');
    (answers.get(request.url ?? '') ?? status(404))(response, request);
  });
  await once(server.listen(0, host), 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    requests,
    on: (path, answer) => void answers.set(path, answer),
    async asked(path, count = 1) {
      while (requests.filter((request) => request.endsWith(` ${path}`)).length < count) {
        await once(server, 'asked');
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
