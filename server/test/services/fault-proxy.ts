import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What happens to one request:
 * - `answer`: this answer instead of the target's; with `forward` the target gets the request and
 *   does its work first, with `early` it comes before the body has been read.
 * - `reset`: the caller's connection is reset after so many bytes of the request or of the answer's
 *   body. `answerBytes: 0` loses the answer to work that was done.
 * - `hang`: the target does its work, the caller hears nothing (until it gives up).
 * - `delay`: everything as usual, but later.
 * - `throttle`: the answer's body comes at so many bytes a second.
 */
export type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly forward?: boolean;
      readonly early?: boolean;
    }
  | { readonly kind: 'reset'; readonly requestBytes: number }
  | { readonly kind: 'reset'; readonly answerBytes: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** The caller's: one per connection. */
  readonly port: number | undefined;
  /** First 64 KiB of a body that an `answer` swallowed; else empty. */
  body: string;
}

export interface FaultProxy {
  /** `http://127.0.0.1:PORT`; the `Host` header goes through unchanged, so that signatures hold. */
  readonly url: string;
  /** All requests since the start or the last `clear`. */
  readonly seen: readonly SeenRequest[];
  /**
   * Lets the fault happen to the next `times` (default 1) requests that `match` (default all).
   * Faults are tried in the order given.
   */
  failNext(
    fault: Fault,
    options?: { readonly times?: number; readonly match?: (request: SeenRequest) => boolean },
  ): void;
  /** Open connections of callers. */
  connections(): Promise<number>;
  /** Forgets faults that have not happened and the requests seen. */
  clear(): void;
  stop(): Promise<void>;
}

interface Planned {
  readonly fault: Fault;
  readonly match: (request: SeenRequest) => boolean;
  left: number;
}

/**
 * An HTTP proxy in front of `target` (`http://HOST:PORT`) that breaks requests on demand. Nothing
 * is buffered. Without a target it is a scripted double: what no fault answers gets a 501.
 */
export async function startFaultProxy({
  target,
}: {
  readonly target?: string;
}): Promise<FaultProxy> {
  const planned: Planned[] = [];
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, answer) => {
    const request = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
      port: incoming.socket.remotePort,
      body: '',
    };
    seen.push(request);
    const plan = planned.find(({ left, match }) => left > 0 && match(request));
    if (plan !== undefined) {
      plan.left--;
    }
    const fault = plan?.fault ?? (target === undefined ? notScripted : undefined);
    handle(
      { request, incoming, answer, target: new URL(target ?? 'http://127.0.0.1') },
      fault,
    ).catch(() => answer.destroy());
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    failNext: (fault, { times = 1, match = () => true } = {}) =>
      planned.push({ fault, match, left: times }),
    connections: () =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count ?? 0))),
    clear() {
      planned.length = 0;
      seen.length = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const notScripted: Fault = { kind: 'answer', status: 501, body: 'nothing is scripted' };

interface Exchange {
  readonly request: SeenRequest;
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  readonly target: URL;
}

async function handle(exchange: Exchange, fault: Fault | undefined): Promise<void> {
  const { incoming, answer } = exchange;
  if (fault?.kind === 'delay') {
    await delay(fault.ms);
  }
  if (fault?.kind === 'answer') {
    if (fault.forward) {
      await swallow(await forward(exchange));
    } else if (!fault.early) {
      exchange.request.body = await swallow(incoming);
    }
    answer.writeHead(fault.status, fault.headers).end(fault.body ?? '');
    return;
  }
  const upstream = await forward(
    exchange,
    fault?.kind === 'reset' && 'requestBytes' in fault ? fault.requestBytes : Infinity,
  );
  if (fault?.kind === 'hang') {
    await swallow(upstream);
    return;
  }
  if (fault?.kind === 'reset' && 'answerBytes' in fault && fault.answerBytes === 0) {
    await swallow(upstream);
    incoming.socket.resetAndDestroy();
    return;
  }
  answer.writeHead(upstream.statusCode ?? 502, upstream.rawHeaders);
  await copyAnswer(upstream, exchange, fault);
}

async function copyAnswer(
  upstream: IncomingMessage,
  { incoming, answer }: Exchange,
  fault: Fault | undefined,
): Promise<void> {
  const limit = fault?.kind === 'reset' && 'answerBytes' in fault ? fault.answerBytes : Infinity;
  const perSecond = fault?.kind === 'throttle' ? fault.bytesPerSecond : Infinity;
  let sent = 0;
  answer.on('close', () => upstream.destroy());
  for await (const chunk of upstream as AsyncIterable<Buffer>) {
    const piece = chunk.subarray(0, limit - sent);
    sent += piece.length;
    if (!answer.write(piece)) {
      await drained(answer);
    }
    if (sent >= limit) {
      // What was written must leave before the reset throws it away.
      await new Promise((resolve) => answer.write('', resolve));
      incoming.socket.resetAndDestroy();
      return;
    }
    if (perSecond !== Infinity) {
      await delay((piece.length / perSecond) * 1000);
    }
  }
  answer.end();
}

/**
 * A request without a body says so: to MKCOL and the like Node would else add an empty chunked one.
 */
function headersOf({ method, headers, rawHeaders }: IncomingMessage): string[] {
  const hasBody =
    headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return hasBody || method === 'GET' || method === 'HEAD'
    ? rawHeaders
    : [...rawHeaders, 'Content-Length', '0'];
}

/** Sends the request on and resolves with the target's answer. */
function forward(
  { incoming, target }: Exchange,
  resetAfterBytes = Infinity,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: headersOf(incoming),
      },
      resolve,
    );
    outgoing.on('error', reject);
    incoming.on('close', () => {
      if (!incoming.complete) {
        outgoing.destroy();
      }
    });
    copyRequest(incoming, outgoing, resetAfterBytes).catch(reject);
  });
}

async function copyRequest(
  incoming: IncomingMessage,
  outgoing: ReturnType<typeof httpRequest>,
  resetAfterBytes: number,
) {
  let seen = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    seen += chunk.length;
    if (seen > resetAfterBytes) {
      outgoing.destroy();
      incoming.socket.resetAndDestroy();
      return;
    }
    if (!outgoing.write(chunk)) {
      await drained(outgoing);
    }
  }
  outgoing.end();
}

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

async function swallow(stream: IncomingMessage): Promise<string> {
  let start = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (start.length < 65_536) {
      start += chunk.toString('latin1');
    }
  }
  return start;
}
