import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { fail, type StowageError } from '../../core/errors.ts';
import { authenticateUpload } from '../authenticate.ts';
import { addCors } from '../cors.ts';
import type { HttpDeps } from '../deps.ts';
import { routePath } from '../routes.ts';
import { getChannels } from './channels.ts';
import { cleanupChunks } from './chunk-cleanup.ts';
import { initChunked } from './chunk-init.ts';
import { mergeChunked } from './chunk-merge.ts';
import { putChunk } from './chunk-put.ts';
import { chunkStatus } from './chunk-status.ts';
import { uploadErrorHandler } from './errors.ts';
import { commitUpload } from './hf-commit-upload.ts';
import { completeMultipart } from './hf-complete-multipart.ts';
import { getUploadUrl } from './hf-get-upload-url.ts';
import { noticeOf } from './notice.ts';
import { queryOf } from './query.ts';
import { uploadFile } from './upload-file.ts';

/** The Upload API (image bed). */
export function uploadApi(deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    addCors(app, {
      origins: deps.settings.corsOrigins,
      methods: 'POST, GET, OPTIONS',
      headers: 'Content-Type, Authorization, authCode, Idempotency-Key',
      exposed: 'Content-Length, Content-Range, ETag, X-Request-Id, X-Stowage-Channel, X-Stowage-Notice',
    });
    app.setErrorHandler(uploadErrorHandler(deps));

    const upload = (request: FastifyRequest, reply: FastifyReply) => dispatch(request, reply, deps);
    routePath(app, '/upload', { GET: upload, HEAD: upload, POST: upload, PUT: upload, PATCH: upload, DELETE: upload });
    routePath(app, '/upload/status', { GET: (request, reply) => chunkStatus(request, reply, deps) });
    routePath(app, '/api/channels', { GET: (request, reply) => getChannels(request, reply, deps) });
    // /api/huggingface: the paths of older clients.
    for (const base of ['/upload/huggingface', '/api/huggingface']) {
      routePath(app, `${base}/getUploadUrl`, { POST: (request, reply) => getUploadUrl(request, reply, deps) });
      routePath(app, `${base}/commitUpload`, { POST: (request, reply) => commitUpload(request, reply, deps) });
      routePath(app, `${base}/completeMultipart`, { POST: (request, reply) => completeMultipart(request, reply, deps) });
    }
  };
}

/** Upload API 1.1: the query chooses, by the exact string `true`; nothing of the body is read before the caller is known. */
async function dispatch(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const query = queryOf(request.url);
  const isVisit = isLook(request) && !['cleanup', 'initChunked', 'chunked'].some((name) => query[name] === 'true');
  // A person has opened the address in a browser: "Unauthorized" would not explain what it is.
  if (isVisit && request.headers.accept?.includes('text/html')) throw onlyPosts(reply);
  const caller = await authenticateUpload(request.raw, 'upload', deps);
  if (isVisit) throw onlyPosts(reply);
  const notice = noticeOf(query);
  if (notice !== undefined) reply.header('x-stowage-notice', notice);
  if (query.cleanup === 'true') return cleanupChunks(request, reply, caller, deps);
  if (query.initChunked === 'true') return initChunked(request, reply, caller, deps);
  if (query.chunked === 'true' && query.merge === 'true') return mergeChunked(request, reply, caller, deps);
  if (query.chunked === 'true') return putChunk(request, reply, caller, deps);
  return uploadFile(request, reply, caller, deps);
}

/** A request that brings nothing. */
function isLook({ method, headers }: FastifyRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && headers['content-type'] === undefined;
}

function onlyPosts(reply: FastifyReply): StowageError {
  reply.header('allow', 'POST');
  return fail('method_not_allowed', {
    message: 'Method not allowed: send files here by POST, as multipart/form-data; see /docs',
  });
}
