import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Exchange,
  type Faults,
  faultAfter,
  faultBefore,
  sendFile,
  startEmulatorHost,
} from '../emulator-kit.ts';

/** What a handler returns. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Bytes of which a range may be asked. */
  readonly bytes?: Buffer;
  readonly text?: string;
  /** A file on disk, or the range asked for. */
  readonly file?: { readonly path: string; readonly size: number };
}

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly request: IncomingMessage;
}

export interface Handler {
  /** Faults are identified by this name. */
  readonly name: string;
  handle(call: Call): Promise<Reply> | Reply;
}

export interface LoggedCall {
  readonly name: string;
  readonly authorization: string | undefined;
}

export interface Host {
  readonly url: string;
  readonly dir: string;
  readonly log: LoggedCall[];
  stop(): Promise<void>;
}

export interface HostOptions {
  readonly faults: Faults;
  readonly latencyMs: number;
  route(call: Call): Handler;
}

export async function startHost({ faults, latencyMs, route }: HostOptions): Promise<Host> {
  const log: LoggedCall[] = [];
  const host = await startEmulatorHost(async (exchange) => {
    const { request, response } = exchange;
    const { method = 'GET', headers } = request;
    const call: Call = {
      method,
      headers,
      request,
      url: new URL(request.url ?? '/', 'http://emulator'),
    };
    const { name, handle } = route(call);
    log.push({ name, authorization: headers.authorization });
    const fault = faults.take(name);
    response.setHeader('x-request-id', crypto.randomUUID());
    if (await faultBefore(fault, exchange)) {
      return;
    }
    const reply = await handle(call);
    if (!faultAfter(fault, exchange)) {
      await write(exchange, reply, fault?.kind === 'cut');
    }
  }, latencyMs);
  return { ...host, log };
}

async function write(exchange: Exchange, reply: Reply, cut: boolean): Promise<void> {
  const { response } = exchange;
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    response.setHeader(name, value);
  }
  if (reply.file !== undefined) {
    return sendFile(exchange, { ...reply.file, contentType: 'application/octet-stream', cut });
  }
  if (reply.bytes !== undefined) {
    return sendBytes(exchange, reply.bytes);
  }
  if (reply.json !== undefined && !response.hasHeader('content-type')) {
    response.setHeader('content-type', 'application/json');
  }
  const text = reply.json === undefined ? (reply.text ?? '') : JSON.stringify(reply.json);
  response.writeHead(reply.status, { 'content-length': Buffer.byteLength(text) }).end(text);
}

function sendBytes({ request, response }: Exchange, bytes: Buffer): void {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(first);
  const end = Math.min(last === '' ? bytes.length : Number(last), bytes.length - 1);
  if (request.headers.range === undefined) {
    send(response, 200, bytes);
  } else if (start >= bytes.length) {
    send(response.setHeader('content-range', `bytes */${bytes.length}`), 416, Buffer.alloc(0));
  } else {
    send(
      response.setHeader('content-range', `bytes ${start}-${end}/${bytes.length}`),
      206,
      bytes.subarray(start, end + 1),
    );
  }
}

function send(response: ServerResponse, status: number, bytes: Buffer): void {
  response.writeHead(status, { 'content-length': bytes.length }).end(bytes);
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
}

export async function readJson<T>(request: IncomingMessage): Promise<T> {
  return JSON.parse((await readBody(request)).toString('utf8')) as T;
}
