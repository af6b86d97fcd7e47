import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** What a handler answers. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: Buffer | string;
  readonly file?: { readonly path: string; readonly start: number; readonly end: number };
}

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly request: IncomingMessage;
}

/** Something that goes wrong with calls whose `METHOD /path` matches. */
export interface Fault {
  readonly match: RegExp;
  /** How often; default once. */
  readonly times?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Do the work first, then answer wrongly: the caller cannot know that it was done. */
  readonly after?: boolean;
  /** Cut the connection instead of answering. */
  readonly reset?: boolean;
  readonly latencyMs?: number;
}

export interface Faults {
  add(fault: Fault): void;
}

export interface LoggedCall {
  readonly call: string;
  readonly authorization: string | undefined;
}

export interface Host {
  readonly url: string;
  readonly log: LoggedCall[];
  close(): Promise<void>;
}

/** One HTTP host on a free loopback port. `latencyMs` delays every answer. */
export async function startHost(handle: (call: Call) => Promise<Reply>, faults: FaultList, latencyMs = 0): Promise<Host> {
  const log: LoggedCall[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://emulator');
    const call: Call = { method: request.method ?? 'GET', url, headers: request.headers, request };
    const name = `${call.method} ${url.pathname}`;
    log.push({ call: name, authorization: request.headers.authorization });
    void answer(handle, { call, response, fault: faults.take(name), latencyMs }).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, log, close: () => stop(server) };
}

interface Answering {
  readonly call: Call;
  readonly response: ServerResponse;
  readonly fault: Fault | undefined;
  readonly latencyMs: number;
}

async function answer(handle: (call: Call) => Promise<Reply>, { call, response, fault, latencyMs }: Answering): Promise<void> {
  const waitMs = fault?.latencyMs ?? latencyMs;
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  const wrong = fault !== undefined && (fault.status !== undefined || fault.reset === true);
  const reply = wrong && !fault.after ? undefined : await handle(call);
  if (fault?.reset) return void call.request.socket.destroy();
  const { status, headers, body } = fault ?? {};
  const failed: Reply = { status: status ?? 500, headers: headers ?? {}, body: body ?? '' };
  await write(response, call, wrong || reply === undefined ? failed : reply);
  call.request.resume();
}

async function write(response: ServerResponse, call: Call, reply: Reply): Promise<void> {
  const { file } = reply;
  const body = reply.json === undefined ? Buffer.from(reply.body ?? '') : Buffer.from(JSON.stringify(reply.json));
  const length = file === undefined ? body.length : file.end - file.start + 1;
  response.writeHead(reply.status, {
    ...(reply.json !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    'content-length': length,
    'x-request-id': crypto.randomUUID(),
    ...reply.headers,
  });
  if (call.method === 'HEAD') return void response.end();
  if (file === undefined || length === 0) return void response.end(body);
  await pipeline(createReadStream(file.path, { start: file.start, end: file.end }), response);
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

export interface FaultList extends Faults {
  take(name: string): Fault | undefined;
}

export function createFaults(): FaultList {
  const open: { fault: Fault; left: number }[] = [];
  return {
    add: (fault) => void open.push({ fault, left: fault.times ?? 1 }),
    take(name) {
      const found = open.find(({ fault, left }) => left > 0 && fault.match.test(name));
      if (found !== undefined) found.left--;
      return found?.fault;
    },
  };
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
}

export async function readJson<T>(request: IncomingMessage): Promise<T> {
  return JSON.parse((await readBody(request)).toString('utf8')) as T;
}

/** `bytes=a-b`, `bytes=a-` and `bytes=-n` against a size; undefined for no range, null for one that cannot be met. */
export function parseRange(header: string | undefined, size: number): { start: number; end: number } | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end || start >= size ? null : { start, end };
}
