import type { IncomingMessage } from 'node:http';
import type { FastifyPluginAsync } from 'fastify';
import { authenticateToken } from '../authenticate.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { routePath } from '../routes.ts';
import { createReadiness } from './readiness.ts';

/** What the people who run the server look at. */
export function operations(deps: HttpDeps): FastifyPluginAsync {
  const readiness = createReadiness(deps);
  return async (app) => {
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    routePath(app, '/healthz', { GET: () => ({ status: 'ok' }), HEAD: () => ({ status: 'ok' }) });
    routePath(app, '/readyz', {
      GET: async (_request, reply) => {
        const found = await readiness();
        if (found.status !== 'ok') reply.code(503);
        return reply.send(found);
      },
    });
    routePath(app, '/metrics', {
      GET: async (request, reply) => {
        if (!deps.settings.metricsPublic && !isFromHere(request.raw, deps)) await authenticateToken(request.raw, 'manage', deps);
        const { contentType, body } = await deps.metrics.render();
        return reply.type(contentType).send(body);
      },
    });
  };
}

/** What a proxy on this machine passes on comes from elsewhere, whether it is trusted or not. */
function isFromHere(request: IncomingMessage, { settings }: HttpDeps): boolean {
  const isLocal = ['127.0.0.1', '::1'].includes(clientAddress(request, settings.trustProxy));
  return isLocal && request.headers['x-forwarded-for'] === undefined && request.headers.forwarded === undefined;
}
