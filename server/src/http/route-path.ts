import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { fail } from '../core/errors.ts';

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

const known: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Registers a path: its handlers, the preflight response, and `method_not_allowed` with `Allow` for
 * every other method.
 */
export function routePath(
  app: FastifyInstance,
  url: string,
  handlers: Partial<Record<HTTPMethods, Handler>>,
): void {
  const own = Object.keys(handlers) as HTTPMethods[];
  for (const method of own) {
    const handler = handlers[method];
    if (handler) {
      app.route({ method, url, handler, exposeHeadRoute: false });
    }
  }
  const allow = [...own, ...(own.includes('OPTIONS') ? [] : ['OPTIONS'])].join(', ');
  if (!own.includes('OPTIONS')) {
    app.route({
      method: 'OPTIONS',
      url,
      handler: (_request, reply) => reply.code(204).header('allow', allow).send(),
    });
  }
  const others = known.filter((method) => method !== 'OPTIONS' && !own.includes(method));
  app.route({
    method: others,
    url,
    handler: (_request, reply) => {
      reply.header('allow', allow);
      throw fail('method_not_allowed');
    },
  });
}
