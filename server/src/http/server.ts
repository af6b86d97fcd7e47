import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fail, type StowageError } from '../core/errors.ts';
import { logRequests } from './access-log.ts';
import { serveApi } from './api.ts';
import { apis } from './apis.ts';
import { isTrustedPeer } from './client-address.ts';
import { refuseBrokenRequest } from './connections/broken-request.ts';
import { createConnectionServer } from './connections/create-server.ts';
import { endTurn } from './connections/turns.ts';
import { type CorsRules, setCors } from './cors.ts';
import type { HttpDeps } from './deps.ts';
import { filesApi } from './files/index.ts';
import { mediaErrorHandler, speaksMedia } from './media/envelope.ts';
import { mediaApi } from './media/index.ts';
import { normalizeRequest } from './normalize-request.ts';
import { createProxyWatch } from './proxy-watch.ts';
import { refuseAmbiguity } from './refuse-ambiguity.ts';
import { relayApi } from './relay/index.ts';
import { drain } from './request-body.ts';
import { retryAfterSeconds, toError } from './to-error.ts';
import { sayText } from './upload/errors.ts';
import { uploadApi } from './upload/index.ts';

const maxParamLength = 4096;

/** What does not belong to the Media API. */
const ownDialect = /^\/(api|upload|file)(?![^/?])/;

/** The HTTP server with every API on it; bodies are left to the routes, which read them as streams. */
export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const anyRoute: CorsRules = {
    origins: deps.settings.corsOrigins,
    methods: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    headers: 'Content-Type, Authorization',
  };
  const app = Fastify({
    logger: false,
    genReqId: requestId,
    serverFactory: (handle) =>
      createConnectionServer(handle, {
        keepAliveMs: deps.settings.keepAliveMs,
        idleMs: deps.settings.idleTimeoutMs,
        maxPerAddress: deps.settings.maxConnectionsPerAddress,
        isProxy: (address) => isTrustedPeer(address, deps.settings.trustProxy),
        log: deps.log,
      }),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    rewriteUrl: normalizeRequest,
    routerOptions: { maxParamLength, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => {
      setCors(request, reply, anyRoute);
      renderError(error, request, reply);
    },
    clientErrorHandler: (error, socket) => refuseBrokenRequest(error, socket, requestId),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  const watchProxies = createProxyWatch(deps);
  app.addHook('onRequest', (request, reply, done) => {
    watchProxies(request.raw);
    reply.header('x-request-id', request.id);
    // On the way down a connection serves the request that it brings, and no other one.
    if (!deps.isReady()) reply.raw.shouldKeepAlive = false;
    done();
  });
  // Every 503, in whichever dialect, carries the time to retry.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', 1);
    done(null, payload);
  });
  // Behind the hooks that add CORS.
  app.addHook('preHandler', (request, _reply, done) => {
    refuseAmbiguity(request.raw);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    // The rest of a body is not waited for when its sender has fallen silent.
    if (reply.statusCode === 408) request.raw.socket.destroySoon();
    drain(request.raw).then(() => done());
    endTurn(request.raw);
  });
  logRequests(app, deps);
  app.setErrorHandler((error, request, reply) => renderError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    // A person who opens the address of the server in a browser, with or without a query, gets its description.
    if (/^\/(?:\?|$)/.test(request.url) && (request.method === 'GET' || request.method === 'HEAD')) return reply.redirect('docs');
    // A page must be able to read that it asked for the wrong address.
    setCors(request, reply, anyRoute);
    if (request.method === 'OPTIONS') return reply.code(204).send();
    return renderError(noSuchRoute(request), request, reply);
  });

  function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    // The Media API is served without a prefix too, and its clients need the envelope for whatever they ask.
    const isMedia = speaksMedia(request.url) || (request.is404 && !ownDialect.test(request.url));
    if (isMedia) return mediaErrorHandler(deps)(error, request, reply);
    const known = toError(error);
    const { status, message, retryable } = known;
    const seconds = retryAfterSeconds(known);
    if (seconds !== undefined) reply.header('retry-after', seconds);
    if (status >= 500) deps.log.error({ requestId: request.id, err: error }, 'Request failed');
    // Upload API 4.8 and 1.11: text; an address that the router cannot decode never reaches its route.
    if (request.url.startsWith('/file/'))
      return sayText(reply, status, `Error: ${status === 400 ? 'Decode Image ID Failed' : message}`);
    if (request.url.startsWith('/upload')) return sayText(reply, status, `Error: ${message}`);
    reply.code(status).header('cache-control', 'no-store');
    // Upload API 4.4.
    if (status === 400 && request.url.startsWith('/api/manage/delete/'))
      return reply.send({ success: false, error: 'Delete file failed' });
    return reply.send({ error: message, retryable });
  }

  for (const api of apis) app.register(serveApi(api, deps));
  app.register(mediaApi(deps));
  app.register(uploadApi(deps));
  app.register(filesApi(deps));
  app.register(relayApi(deps));
  return app;
}

function noSuchRoute({ method, url }: FastifyRequest): StowageError {
  const [path = ''] = url.split('?', 1);
  const named = path.length > 100 ? `${path.slice(0, 100)}...` : path;
  return fail('not_found', { message: `No route for ${method} ${named}. The API is described at /docs.` });
}

/** 8 hexadecimal characters; of a UUID, because Node draws those from the system 128 at a time. */
function requestId(): string {
  return randomUUID().slice(0, 8);
}
