import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import busboy from 'busboy';

/**
 * What an emulator should do wrong. `before` and `after`: the point of storing (or doing) what the
 * call asks for.
 */
export type Fault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly when: 'before' | 'after';
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  | { readonly kind: 'reset'; readonly when: 'before' | 'mid-body' | 'after' }
  | { readonly kind: 'wrong-json'; readonly when: 'before' | 'after' }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Of a download: breaks off in the middle of the answer. */
  | { readonly kind: 'cut' };

export interface Faults {
  /** The next `times` calls named so go wrong that way. */
  add(name: string, fault: Fault, times?: number): void;
  take(name: string): Fault | undefined;
}

export function createFaults(): Faults {
  const waiting: { name: string; fault: Fault; times: number }[] = [];
  return {
    add: (name, fault, times = 1) => waiting.push({ name, fault, times }),
    take: (name) => {
      const at = waiting.findIndex((entry) => entry.name === name);
      const entry = waiting[at];
      if (entry === undefined) {
        return undefined;
      }
      entry.times -= 1;
      if (entry.times <= 0) {
        waiting.splice(at, 1);
      }
      return entry.fault;
    },
  };
}

/** Carries out a fault that comes before the call is done; true when the call is over with it. */
export async function faultBefore(
  fault: Fault | undefined,
  { request, response }: Exchange,
): Promise<boolean> {
  if (fault?.kind === 'slow') {
    await sleep(fault.ms);
  }
  if (fault?.kind === 'reset' && fault.when === 'mid-body') {
    await someBytes(request);
  }
  if (fault?.kind === 'reset' && fault.when !== 'after') {
    request.socket.resetAndDestroy();
  } else if (fault?.kind === 'status' && fault.when === 'before') {
    sendFault(fault, { request, response });
  } else if (fault?.kind === 'wrong-json' && fault.when === 'before') {
    sendText(response, 200, '{"ok":tru');
  } else {
    return false;
  }
  return true;
}

/** Carries out a fault that comes when the call is done; true when no response is to follow. */
export function faultAfter(fault: Fault | undefined, { request, response }: Exchange): boolean {
  if (fault?.kind === 'reset' && fault.when === 'after') {
    request.socket.resetAndDestroy();
  } else if (fault?.kind === 'status' && fault.when === 'after') {
    sendFault(fault, { request, response });
  } else if (fault?.kind === 'wrong-json' && fault.when === 'after') {
    sendText(response, 200, '{"ok":tru');
  } else {
    return false;
  }
  return true;
}

function sendFault(fault: Extract<Fault, { kind: 'status' }>, { response }: Exchange): void {
  response
    .writeHead(fault.status, { 'content-type': 'text/html', ...fault.headers })
    .end(fault.body ?? '<html>Bad gateway</html>');
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

async function someBytes(request: IncomingMessage): Promise<void> {
  await new Promise((resolve) => request.once('data', resolve).once('end', resolve));
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
    })
    .end(text);
}

export interface EmulatorHost {
  readonly url: string;
  /** Temporary folder for bodies; gone after `stop`. */
  readonly dir: string;
  stop(): Promise<void>;
}

/**
 * A server on a free port of 127.0.0.1; each answer starts `latencyMs` after its request came in.
 */
export async function startEmulatorHost(
  handle: (exchange: Exchange) => Promise<void>,
  latencyMs = 0,
): Promise<EmulatorHost> {
  const dir = await mkdtemp(join(tmpdir(), 'stowage-emulator-'));
  const server = createServer((request, response) => {
    const exchange = { request, response };
    const answer = async () => {
      if (latencyMs > 0) {
        await sleep(latencyMs);
      }
      await handle(exchange);
    };
    answer().catch((error: unknown) => {
      if (response.headersSent || request.destroyed) {
        response.destroy();
      } else {
        sendText(response, 500, JSON.stringify({ emulator: String(error) }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    dir,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface ReceivedFile {
  readonly field: string;
  readonly filename: string;
  readonly contentType: string;
  readonly path: string;
  readonly size: number;
}

export interface ReceivedForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: readonly ReceivedFile[];
}

let received = 0;

/**
 * Reads a form, its files to `dir`. Rejects when the body is cut; what was written stays for `dir`
 * to be removed with.
 */
export async function receiveForm(request: IncomingMessage, dir: string): Promise<ReceivedForm> {
  const fields: Record<string, string> = {};
  const files: Promise<ReceivedFile>[] = [];
  const parser = busboy({ headers: request.headers, defParamCharset: 'utf8' });
  parser.on('field', (name, value) => {
    fields[name] = value;
  });
  parser.on('file', (field, stream, { filename, mimeType }) => {
    received += 1;
    const path = join(dir, `body-${received}`);
    const written = saveStream(stream, path).then((size) => ({
      field,
      filename: filename ?? '',
      contentType: mimeType,
      path,
      size,
    }));
    written.catch(() => undefined);
    files.push(written);
  });
  await pipeline(request, parser);
  return { fields, files: await Promise.all(files) };
}

async function saveStream(stream: NodeJS.ReadableStream, path: string): Promise<number> {
  const file = createWriteStream(path, { highWaterMark: 2 ** 20 });
  await pipeline(stream, file);
  return file.bytesWritten;
}

/** A JSON or urlencoded body, or the query: string values only. */
export async function receiveParams(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const query = new URL(request.url ?? '/', 'http://emulator').searchParams;
  if (text === '') {
    return Object.fromEntries(query);
  }
  if (!request.headers['content-type']?.includes('json')) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  const parsed: unknown = JSON.parse(text);
  return Object.fromEntries(
    Object.entries(parsed as object).map(([name, value]) => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  );
}

export interface SentFile {
  readonly path: string;
  readonly size: number;
  readonly contentType: string;
  readonly ignoreRange?: boolean;
  readonly cut?: boolean;
}

/** Sends a file or the range asked for. */
export async function sendFile({ request, response }: Exchange, file: SentFile): Promise<void> {
  const match = file.ignoreRange ? null : /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  const range = match === null ? undefined : rangeOf(match, file.size);
  if (range !== undefined && (range.start > range.end || range.start >= file.size)) {
    response.writeHead(416, { 'content-range': `bytes */${file.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  const headers = {
    'content-type': file.contentType,
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
  };
  response.writeHead(
    range === undefined ? 200 : 206,
    range === undefined
      ? headers
      : { ...headers, 'content-range': `bytes ${start}-${end}/${file.size}` },
  );
  if (file.cut) {
    return cutShort({ request, response }, { path: file.path, start, end });
  }
  if (file.size === 0 || request.method === 'HEAD') {
    response.end();
  } else {
    await pipeline(createReadStream(file.path, { start, end, highWaterMark: 2 ** 18 }), response);
  }
}

function rangeOf(match: RegExpExecArray, size: number): { start: number; end: number } {
  const [, first = '', last = ''] = match;
  if (first === '') {
    return { start: Math.max(0, size - Number(last)), end: size - 1 };
  }
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

async function cutShort(
  { request, response }: Exchange,
  { path, start, end }: { path: string; start: number; end: number },
): Promise<void> {
  const half = start + Math.floor((end - start) / 2);
  for await (const chunk of createReadStream(path, { start, end: half })) {
    response.write(chunk);
  }
  await sleep(20);
  request.socket.resetAndDestroy();
}
