import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HttpDeps } from './deps.ts';
import { notesOf, type RequestNotes } from './request-notes.ts';

const clientClosed = 499;
const maxPath = 500;
const maxAgent = 200;

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
    const { bytesRead, bytesWritten } = request.raw.socket;
    const begun = { at: performance.now(), bytesRead, bytesWritten };
    reply.raw.once('close', () => logRequest(deps, request, reply, begun));
    done();
  });
}

function logRequest(
  deps: HttpDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  begun: Begun,
): void {
  const { raw, method } = request;
  const { caller, upload, file } = notesOf(raw);
  // The route. The raw path would make every address a label of its own.
  const { url: route = 'unknown' } = request.routeOptions;
  const status = reply.raw.writableFinished ? reply.raw.statusCode : clientClosed;
  const durationMs = performance.now() - begun.at;
  const bytesIn = receivedBytes(request, begun);
  const bytesOut = raw.socket.bytesWritten - begun.bytesWritten;
  deps.metrics.request({ method, route, status, durationMs, bytesIn, bytesOut, upload });
  deps.log.info(
    {
      requestId: request.id,
      ip: request.ip,
      method,
      route,
      path: pathOf(request.url),
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
function receivedBytes({ raw }: FastifyRequest, begun: Begun): number {
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
