import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../core/access.ts';
import { fail } from '../../core/errors.ts';
import type { Permission } from '../../core/metadata.ts';
import { authenticateToken } from '../authenticate.ts';
import { addCors } from '../cors.ts';
import type { HttpDeps } from '../deps.ts';
import { type Handler, routePath } from '../routes.ts';
import { completeMedia } from './complete-media.ts';
import { deleteMedia } from './delete-media.ts';
import { mediaBases, mediaErrorHandler } from './envelope.ts';
import { getMedia } from './get-media.ts';
import { listMedia } from './list-media.ts';
import { getAccounts, getMe, getPlatformRules } from './me.ts';
import { limitRate } from './rate-limit.ts';
import { uploadFromUrl } from './upload-from-url.ts';
import { uploadMedia } from './upload-media.ts';

function requirePermission({ permissions }: Caller, permission: Permission | 'any'): void {
  if (permission !== 'any' && !permissions.has(permission))
    throw fail('insufficient_scope', { details: { required: permission } });
}

/** The Media API: presign, upload straight to storage, complete. */
export function mediaApi(deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    addCors(app, {
      origins: deps.settings.corsOrigins,
      methods: 'GET, POST, DELETE, OPTIONS',
      headers: 'Content-Type, Authorization, Idempotency-Key',
      exposed: 'X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Idempotency-Replayed',
    });
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    app.setErrorHandler(mediaErrorHandler(deps));
    for (const base of mediaBases) addRoutes(app, base, deps);
  };
}

function addRoutes(app: FastifyInstance, base: string, deps: HttpDeps): void {
  const allowed =
    (
      permission: Permission | 'any',
      handle: (request: FastifyRequest, reply: FastifyReply, caller: Caller) => unknown,
    ): Handler =>
    async (request, reply) => {
      const caller = await authenticateToken(request.raw, 'any', deps);
      // Before the permission: a refusal counts too, and carries the state (Media API 1.5).
      await limitRate(caller, reply, deps);
      requirePermission(caller, permission);
      return handle(request, reply, caller);
    };

  routePath(app, `${base}/media/upload`, {
    POST: allowed('upload', (request, reply, caller) => uploadMedia(request, reply, caller, deps)),
  });
  routePath(app, `${base}/media/upload-from-url`, {
    POST: allowed('upload', (request, reply, caller) => uploadFromUrl(request, reply, caller, deps)),
  });
  routePath(app, `${base}/media/:id/complete`, {
    POST: allowed('upload', (request, reply, caller) => completeMedia(request, reply, caller, deps)),
  });
  routePath(app, `${base}/media/:id`, {
    GET: allowed('list', (request, reply) => getMedia(request, reply, deps)),
    DELETE: allowed('delete', (request, reply) => deleteMedia(request, reply, deps)),
  });
  routePath(app, `${base}/media`, { GET: allowed('list', (request, reply) => listMedia(request, reply, deps)) });
  routePath(app, `${base}/me`, { GET: allowed('any', (request, reply, caller) => getMe(request, reply, caller, deps)) });
  routePath(app, `${base}/accounts`, { GET: allowed('any', (request, reply) => getAccounts(request, reply, deps)) });
  routePath(app, `${base}/platform-rules`, { GET: allowed('any', (request, reply) => getPlatformRules(request, reply, deps)) });
}
