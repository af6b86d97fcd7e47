import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './deps.ts';
import { notesOf, type RequestNotes } from './request-notes.ts';

const clientClosed = 499;
const maxPath = 500;
const maxAgent = 200;

/** A request with what the log needs beside its head. */
export interface Logged {
  readonly id: string;
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  /** The caller's address. */
  readonly ip: string;
  readonly method: string;
  readonly url: string;
  /** The route. The raw path would make every address a label of its own. */
  readonly route: string;
}

interface Begun {
  readonly at: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/**
 * Logs one line and records one sample for every finished request, including those whose client
 * disconnected.
 */
export function logRequests(app: FastifyInstance, deps: HttpDeps): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { id, raw, ip, method, url } = request;
    const { url: route = 'unknown' } = request.routeOptions;
    logWhenClosed({ id, raw, response: reply.raw, ip, method, url, route }, deps);
    done();
  });
}

/** Call it when the request begins. */
export function logWhenClosed(logged: Logged, deps: Pick<HttpDeps, 'log' | 'metrics'>): void {
  const { bytesRead, bytesWritten } = logged.raw.socket;
  const begun = { at: performance.now(), bytesRead, bytesWritten };
  logged.response.once('close', () => logRequest(logged, begun, deps));
}

function logRequest(
  { id, raw, response, ip, method, url, route }: Logged,
  begun: Begun,
  deps: Pick<HttpDeps, 'log' | 'metrics'>,
): void {
  const { caller, upload, file } = notesOf(raw);
  const status = response.writableFinished ? response.statusCode : clientClosed;
  const durationMs = performance.now() - begun.at;
  const bytesIn = receivedBytes(raw, begun);
  const bytesOut = raw.socket.bytesWritten - begun.bytesWritten;
  deps.metrics.request({ method, route, status, durationMs, bytesIn, bytesOut, upload });
  deps.log.info(
    {
      requestId: id,
      ip,
      method,
      route,
      path: pathOf(url),
      status,
      durationMs: Math.round(durationMs),
      bytesIn,
      bytesOut,
      ...callerFields(caller),
      file,
      userAgent: raw.headers['user-agent']?.slice(0, maxAgent),
    },
    'Request',
  );
}

/**
 * Content-Length of a body that was read whole. For one that was cut or chunked, the bytes that the
 * connection received since the head.
 */
function receivedBytes(raw: IncomingMessage, begun: Begun): number {
  const announced = Number(raw.headers['content-length'] ?? Number.NaN);
  if (raw.complete && Number.isFinite(announced)) {
    return announced;
  }
  return raw.headers['transfer-encoding'] === undefined && Number.isNaN(announced)
    ? 0
    : raw.socket.bytesRead - begun.bytesRead;
}

function callerFields(caller: RequestNotes['caller']): object {
  if (caller === undefined) {
    return {};
  }
  if (caller.token === undefined) {
    return { caller: caller.owner };
  }
  return { caller: caller.token.name, tokenId: caller.token.id };
}

/** Queries may hold codes and signatures. */
function pathOf(url: string): string {
  const [path = ''] = url.split('?', 1);
  return path.slice(0, maxPath);
}
