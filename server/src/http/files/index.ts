import type { FastifyPluginAsync } from 'fastify';
import { addCors } from '../cors.ts';
import type { HttpDeps } from '../deps.ts';
import { routePath } from '../routes.ts';
import { sayFileError } from './errors.ts';
import { readFile } from './read-file.ts';

/** `/file/...`: the links that never change. */
export function filesApi(deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    addCors(app, {
      // Links are made to be embedded.
      origins: ['*'],
      methods: 'GET, HEAD, OPTIONS',
      headers: 'Range, If-Range, If-None-Match, If-Modified-Since, Content-Type, Authorization',
      exposed: 'Content-Length, Content-Range, Content-Disposition, ETag, Accept-Ranges',
    });
    app.setErrorHandler((thrown, request, reply) => {
      reply.hijack();
      sayFileError(reply.raw, { thrown, requestId: request.id, headers: reply.getHeaders() }, deps);
    });
    const read: Parameters<typeof routePath>[2]['GET'] = (request, reply) => readFile(request, reply, deps);
    routePath(app, '/file/*', { GET: read, HEAD: read });
  };
}
