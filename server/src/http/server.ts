import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fail } from '../core/errors.ts';
import { logRequests } from './access-log.ts';
import { setCallerAddress } from './address/client-address.ts';
import { createProxyWatch } from './address/proxy-watch.ts';
import { isTrustedPeer, trustOf } from './address/trust-proxy.ts';
import { noSuchRoute, ownerOf, serveApi, undecodable } from './api.ts';
import { apis } from './apis.ts';
import { drain } from './body/request-body.ts';
import { refuseBrokenRequest } from './connections/broken-request.ts';
import { createConnectionServer } from './connections/create-server.ts';
import { endTurn } from './connections/turns.ts';
import { type CorsRules, setCors } from './cors.ts';
import type { HttpDeps } from './deps.ts';
import { type Rendered, renderError, sendError } from './dialect.ts';
import { hotReads } from './files/hot-reads.ts';
import { mediaApi } from './media/index.ts';
import { normalizeRequest } from './normalize-request.ts';
import { refuseAmbiguity } from './refuse-ambiguity.ts';

const maxParamLength = 4096;

/**
 * The HTTP server with every API on it. Bodies are left to the routes, which read them as streams.
 */
export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const anyRoute: CorsRules = {
    origins: deps.settings.corsOrigins,
    methods: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    headers: 'Content-Type, Authorization',
  };
  const watchProxies = createProxyWatch(deps);
  const app = Fastify({
    logger: false,
    trustProxy: trustOf(deps.settings.trustProxy),
    genReqId: requestId,
    serverFactory: (handle) =>
      createConnectionServer(hotReads(handle, { deps, requestId, watchProxies }), {
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
    frameworkErrors: (_error, request, reply) => {
      setCors(request, reply, anyRoute);
      sendUndecodable(request, reply);
    },
    clientErrorHandler: (error, socket) => refuseBrokenRequest(error, socket, renderBroken),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  app.addHook('onRequest', (request, reply, done) => {
    watchProxies(request);
    setCallerAddress(request, deps.settings.trustProxy);
    reply.header('x-request-id', request.id);
    // During shutdown a connection serves the request that it has sent, and no further one.
    if (!deps.isReady()) {
      reply.raw.shouldKeepAlive = false;
    }
    done();
  });
  // Every 503, in any dialect, carries the time to retry.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.statusCode === 503 && !reply.hasHeader('retry-after')) {
      reply.header('retry-after', 1);
    }
    done(null, payload);
  });
  // Runs after the hooks that add CORS.
  app.addHook('preHandler', (request, _reply, done) => {
    refuseAmbiguity(request.raw);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    // The server does not wait for the rest of a body whose sender has fallen silent.
    if (reply.statusCode === 408) {
      request.raw.socket.destroySoon();
    }
    drain(request.raw).then(() => done());
    endTurn(request.raw);
  });
  logRequests(app, deps);
  app.setErrorHandler((error, request, reply) =>
    sendError(error, mediaApi.dialect, { request, reply, deps }),
  );
  app.setNotFoundHandler((request, reply) => {
    // A person who opens the server's address in a browser, with or without a query, gets its
    // documentation.
    if (
      /^\/(?:\?|$)/.test(request.url) &&
      (request.method === 'GET' || request.method === 'HEAD')
    ) {
      return reply.redirect('docs');
    }
    // A page must be able to read that it requested an unknown address.
    setCors(request, reply, anyRoute);
    if (request.method === 'OPTIONS') {
      return reply.code(204).send();
    }
    throw noSuchRoute(request);
  });

  function renderBroken(target: string): Rendered {
    const { dialect } = ownerOf(target, apis) ?? mediaApi;
    const facts = { requestId: requestId(), at: deps.now(), route: undefined, headers: {} };
    return renderError(
      fail('bad_request', { message: 'The request is not valid HTTP.' }),
      dialect,
      facts,
    );
  }

  function sendUndecodable(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const api = ownerOf(request.url, apis) ?? mediaApi;
    return sendError(undecodable(request.url, api), api.dialect, { request, reply, deps });
  }

  for (const api of apis) {
    app.register(serveApi(api, deps));
  }
  return app;
}

/** 8 hexadecimal characters of a UUID, because Node draws randomness for 128 UUIDs at a time. */
function requestId(): string {
  return randomUUID().slice(0, 8);
}
