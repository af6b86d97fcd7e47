import type { FastifyPluginAsync } from 'fastify';
import { addCors } from '../cors.ts';
import type { HttpDeps } from '../deps.ts';
import { mediaErrorHandler } from '../media/envelope.ts';
import { routePath } from '../routes.ts';
import { receiveDirect } from './receive-direct.ts';
import { receiveUpload } from './receive-upload.ts';

/** Upload addresses for channels that cannot presign: the same protocol, through us. */
export function relayApi(deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    addCors(app, {
      // Browsers upload from anywhere; the signed address is the credential.
      origins: ['*'],
      methods: 'PUT, POST, OPTIONS',
      headers:
        'Content-Type, Content-MD5, Content-Digest, Repr-Digest, x-amz-checksum-sha256, x-amz-content-sha256, If-None-Match, Range',
      exposed: 'ETag, Location, X-Request-Id',
    });
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    app.setErrorHandler(mediaErrorHandler(deps));
    const receive = (request: Parameters<typeof receiveUpload>[0], reply: Parameters<typeof receiveUpload>[1]) =>
      receiveUpload(request, reply, deps);
    routePath(app, '/relay/direct/:id', { PUT: (request, reply) => receiveDirect(request, reply, deps) });
    routePath(app, '/relay/:id', { PUT: receive, POST: receive });
  };
}
