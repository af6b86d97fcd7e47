import type { IncomingMessage } from 'node:http';
import type { FastifyPluginAsync } from 'fastify';
import { authenticateToken } from '../authenticate.ts';
import { cameThroughProxy, clientAddress } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { type Handler, routePath } from '../routes.ts';
import { createReadiness } from './readiness.ts';

/** What the people who run the server look at. */
export function operations(deps: HttpDeps): FastifyPluginAsync {
  const readiness = createReadiness(deps);
  return async (app) => {
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    routePath(app, '/healthz', { GET: () => ({ status: 'ok' }), HEAD: () => ({ status: 'ok' }) });
    const ready: Handler = async (_request, reply) => {
      const found = await readiness();
      return reply.code(found.status === 'ok' ? 200 : 503).send(found);
    };
    routePath(app, '/readyz', { GET: ready, HEAD: ready });
    routePath(app, '/metrics', {
      GET: async (request, reply) => {
        if (!deps.settings.metricsPublic && !isFromHere(request.raw, deps)) await authenticateToken(request.raw, 'manage', deps);
        const { contentType, body } = await deps.metrics.render();
        return reply.type(contentType).send(body);
      },
    });
  };
}

/**
 * A program on this machine that asks this machine. What a proxy here passes on comes from elsewhere, whether it is trusted or not; a page
 * whose name was made to lead here (DNS rebinding) asks by that name.
 */
function isFromHere(request: IncomingMessage, { settings }: HttpDeps): boolean {
  const isLocal = ['127.0.0.1', '::1'].includes(clientAddress(request, settings.trustProxy));
  return isLocal && isLoopbackName(request.headers.host) && !cameThroughProxy(request);
}

function isLoopbackName(host: string | undefined): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host ?? '');
}
