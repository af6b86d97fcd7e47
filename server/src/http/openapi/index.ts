import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { preconditionStatus } from '../conditional.ts';
import { routePath } from '../routes.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './document.ts';
import { loadRendererScript, type RendererScript } from './renderer-script.ts';

const unpack = promisify(gunzip);

/** `/openapi.json`, and the same to read at `/docs`: everything it loads comes from here. */
export function openapiRoutes(): FastifyPluginAsync {
  return async (app) => {
    const startedAt = Date.now();
    let json: { readonly text: string; readonly etag: string } | undefined;
    let script: Promise<RendererScript> | undefined;

    const isCurrent = (request: FastifyRequest, reply: FastifyReply, etag: string): boolean => {
      reply.header('etag', etag).header('cache-control', 'no-cache').header('x-content-type-options', 'nosniff');
      return preconditionStatus(request.raw.headers, { etag, lastModifiedAt: startedAt }) === 304;
    };

    routePath(app, '/openapi.json', {
      GET: (request, reply) => {
        json ??= describeOnce();
        reply.header('access-control-allow-origin', '*');
        if (isCurrent(request, reply, json.etag)) return reply.code(304).send();
        return reply.type('application/json; charset=utf-8').send(json.text);
      },
    });

    routePath(app, '/docs', {
      GET: (_request, reply) => {
        const { html, policy } = docsPage();
        return reply
          .header('content-security-policy', policy)
          .header('cache-control', 'no-store')
          .header('referrer-policy', 'no-referrer')
          .header('x-content-type-options', 'nosniff')
          .type('text/html; charset=utf-8')
          .send(html);
      },
    });

    routePath(app, '/docs/scalar.js', {
      GET: async (request, reply) => {
        script ??= loadRendererScript();
        const { gzipped, etag } = await script;
        reply.header('vary', 'Accept-Encoding').type('text/javascript; charset=utf-8');
        if (isCurrent(request, reply, etag)) return reply.code(304).send();
        if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return reply.send(await unpack(gzipped));
        return reply.header('content-encoding', 'gzip').send(gzipped);
      },
    });
  };
}

function describeOnce(): { readonly text: string; readonly etag: string } {
  const text = JSON.stringify(openApiDocument());
  return { text, etag: `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"` };
}
