import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fail } from '../core/errors.ts';
import type { HttpDeps } from './deps.ts';
import { filesApi } from './files/index.ts';
import { manageApi } from './manage/index.ts';
import { mediaErrorHandler, speaksMedia } from './media/envelope.ts';
import { mediaApi } from './media/index.ts';
import { openapiRoutes } from './openapi/index.ts';
import { operations } from './operations/index.ts';
import { createProxyWatch } from './proxy-watch.ts';
import { relayApi } from './relay/index.ts';
import { drain } from './request-body.ts';
import { retryAfterSeconds, toError } from './to-error.ts';
import { sayText } from './upload/errors.ts';
import { uploadApi } from './upload/index.ts';

const keepAliveMs = 75_000;
const headersTimeoutMs = 60_000;
const maxParamLength = 4096;

/** What does not belong to the Media API. */
const ownDialect = /^\/(api|upload|file)(?![^/?])/;

/** The HTTP server with every API on it; bodies are left to the routes, which read them as streams. */
export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    genReqId: requestId,
    keepAliveTimeout: keepAliveMs,
    // Uploads take as long as they take; silence is the request body's business.
    requestTimeout: 0,
    http: { headersTimeout: headersTimeoutMs },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => void renderError(error, request, reply),
    clientErrorHandler: refuseBrokenRequest,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  answerContinueLate(app.server);

  const watchProxies = createProxyWatch(deps);
  app.addHook('onRequest', (request, reply, done) => {
    watchProxies(request.raw);
    reply.header('x-request-id', request.id);
    // On the way down a connection serves the request that it brings, and no other one.
    if (!deps.isReady()) reply.raw.shouldKeepAlive = false;
    done();
  });
  // Whatever says 503, in whichever dialect, says when to come back.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', 1);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    logResponse(deps, { request, response: reply.raw, durationMs: reply.elapsedTime });
    // Nobody waits for the rest of a body whose sender has fallen silent.
    if (reply.statusCode === 408) request.raw.socket.destroySoon();
    drain(request.raw).then(() => done());
  });
  app.setErrorHandler((error, request, reply) => renderError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    // Whoever types the address of the server into a browser wants to know what it is.
    if (request.url === '/' && (request.method === 'GET' || request.method === 'HEAD')) return reply.redirect('docs');
    const error = fail('not_found', { message: 'No such address.' });
    // The Media API is served without a prefix too, and its clients need the envelope for whatever they ask.
    return ownDialect.test(request.url) ? renderError(error, request, reply) : mediaErrorHandler(deps)(error, request, reply);
  });

  function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (speaksMedia(request.url)) return mediaErrorHandler(deps)(error, request, reply);
    const known = toError(error);
    const { status, message, retryable } = known;
    const seconds = retryAfterSeconds(known);
    if (seconds !== undefined) reply.header('retry-after', seconds);
    if (status >= 500) deps.log.error({ requestId: request.id, err: error }, 'Request failed');
    // Upload API 4.8 and 1.11: text; an address that the router cannot decode never reaches its route.
    if (request.url.startsWith('/file/'))
      return sayText(reply, status, `Error: ${status === 400 ? 'Decode Image ID Failed' : message}`);
    if (request.url.startsWith('/upload')) return sayText(reply, status, `Error: ${message}`);
    return reply.code(status).header('cache-control', 'no-store').send({ error: message, retryable });
  }

  app.register(operations(deps));
  app.register(openapiRoutes());
  app.register(mediaApi(deps));
  app.register(uploadApi(deps));
  app.register(filesApi(deps));
  app.register(relayApi(deps));
  app.register(manageApi(deps));
  return app;
}

/** 8 hexadecimal characters; of a UUID, because Node draws those from the system 128 at a time. */
function requestId(): string {
  return randomUUID().slice(0, 8);
}

/** `100 Continue` goes out when somebody wants the body, so that a refused upload is refused before it is sent. */
function answerContinueLate(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue();
    });
    server.emit('request', request, response);
  });
}

interface Answered {
  readonly request: FastifyRequest;
  readonly response: ServerResponse;
  readonly durationMs: number;
}

function logResponse({ log, metrics }: HttpDeps, { request, response, durationMs }: Answered): void {
  // The route, not the address: queries and paths may hold codes and signatures.
  const { url: route = 'unknown' } = request.routeOptions;
  const status = response.statusCode;
  metrics.request({ method: request.method, route, status, durationMs });
  log.info({ requestId: request.id, method: request.method, route, status, durationMs: Math.round(durationMs) }, 'Request');
}

/** Bytes that are not HTTP: the answer has the shape that clients of the Media API always expect. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  const meta = { request_id: requestId(), timestamp: new Date().toISOString() };
  const body = JSON.stringify({
    data: null,
    error: { message: 'The request is not valid HTTP.', code: 'bad_request', retryable: false },
    meta,
  });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
