import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { preconditionStatus } from '../conditional.ts';
import { type Handler, routePath } from '../routes.ts';
import { docsPage, docsPolicy } from './docs-page.ts';
import { etagOf, loadRendererScript, type Packed } from './renderer-script.ts';

const unpack = promisify(gunzip);

/** `/openapi.json`, and the same to read at `/docs`: everything it loads comes from here. */
export function openapiRoutes(): FastifyPluginAsync {
  return async (app) => {
    const startedAt = Date.now();
    let json: Promise<Written> | undefined;
    let script: Promise<Packed> | undefined;
    let unpackedScript: Promise<Buffer> | undefined;

    const isCurrent = (request: FastifyRequest, reply: FastifyReply, etag: string): boolean => {
      reply.header('etag', etag).header('cache-control', 'no-cache').header('x-content-type-options', 'nosniff');
      return preconditionStatus(request.raw.headers, { etag, lastModifiedAt: startedAt }) === 304;
    };

    readPath('/openapi.json', async (request, reply) => {
      json ??= writeDocument();
      const { text, etag } = await json;
      reply.header('access-control-allow-origin', '*');
      if (isCurrent(request, reply, etag)) return reply.code(304).send();
      return reply.type('application/json; charset=utf-8').send(text);
    });

    readPath('/docs', (_request, reply) =>
      reply
        .header('content-security-policy', docsPolicy)
        .header('cache-control', 'no-cache')
        .header('referrer-policy', 'no-referrer')
        .header('x-content-type-options', 'nosniff')
        .type('text/html; charset=utf-8')
        .send(docsPage),
    );

    readPath('/docs/scalar.js', async (request, reply) => {
      script ??= loadRendererScript().catch((error: unknown) => {
        script = undefined;
        throw error;
      });
      const { gzipped, etag } = await script;
      reply.header('vary', 'Accept-Encoding').type('text/javascript; charset=utf-8');
      if (isCurrent(request, reply, etag)) return reply.code(304).send();
      if (acceptsGzip(request)) return reply.header('content-encoding', 'gzip').send(gzipped);
      // Once for all, as it is 5 MB.
      unpackedScript ??= unpack(gzipped);
      return reply.send(await unpackedScript);
    });

    function readPath(url: string, handler: Handler): void {
      routePath(app, url, { GET: handler, HEAD: handler });
    }
  };
}

/** RFC 9110 12.5.3: a weight of 0 refuses. */
function acceptsGzip({ headers }: FastifyRequest): boolean {
  return /(?:^|,)\s*(?:x-)?gzip\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(
    String(headers['accept-encoding'] ?? ''),
  );
}

interface Written {
  readonly text: string;
  readonly etag: string;
}

/** Loaded only now: nothing else at run time needs the schemas of answers. */
async function writeDocument(): Promise<Written> {
  const { openApiDocument } = await import('./document.ts');
  const text = JSON.stringify(openApiDocument());
  return { text, etag: etagOf(text) };
}
