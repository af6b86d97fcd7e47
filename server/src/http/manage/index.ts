import type { FastifyPluginAsync } from 'fastify';
import { addCors } from '../cors.ts';
import type { HttpDeps } from '../deps.ts';
import { type Handler, routePath } from '../routes.ts';
import { createApiToken, deleteApiToken, listApiTokens, updateApiToken } from './api-tokens.ts';
import { deleteBatch } from './delete-batch.ts';
import { deleteFile } from './delete-file.ts';
import { manageErrorHandler } from './errors.ts';
import { testChannel } from './test-channel.ts';

/** Management routes of the Upload API, and ours beside them. */
export function manageApi(deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    addCors(app, {
      origins: deps.settings.corsOrigins,
      methods: 'GET, POST, DELETE, PUT, PATCH, OPTIONS',
      headers: 'Content-Type, Authorization',
    });
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'private, no-store, max-age=0'));
    app.setErrorHandler(manageErrorHandler(deps));

    routePath(app, '/api/manage/apiTokens', {
      GET: (request, reply) => listApiTokens(request, reply, deps),
      POST: (request, reply) => createApiToken(request, reply, deps),
      PUT: (request, reply) => updateApiToken(request, reply, deps),
      DELETE: (request, reply) => deleteApiToken(request, reply, deps),
    });
    const remove: Handler = (request, reply) => deleteFile(request, reply, deps);
    routePath(app, '/api/manage/delete/*', { GET: remove, POST: remove, DELETE: remove });
    routePath(app, '/api/manage/delete/batch', { POST: (request, reply) => deleteBatch(request, reply, deps) });
    routePath(app, '/api/manage/channels/:id/test', { POST: (request, reply) => testChannel(request, reply, deps) });
  };
}
