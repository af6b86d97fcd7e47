import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { route } from '../route.ts';
import { isCurrent } from './is-current.ts';
import { loadRendererScript, type Packed } from './renderer-script.ts';

const unpack = promisify(gunzip);

let script: Promise<Packed> | undefined;
let unpackedScript: Promise<Buffer> | undefined;

export const getRenderer = route({
  id: 'getRenderer',
  method: ['GET', 'HEAD'],
  path: '/docs/scalar.js',
  permission: 'public',
  tag: 'Operations',
  unlisted: true,
  summary: 'The script of the page',
  answers: {},
  async handler({ request, reply }) {
    script ??= loadRendererScript().catch((error: unknown) => {
      script = undefined;
      throw error;
    });
    const { gzipped, etag } = await script;
    reply.header('vary', 'Accept-Encoding').type('text/javascript; charset=utf-8');
    if (isCurrent(request, reply, etag)) {
      return reply.code(304).send();
    }
    if (acceptsGzip(request)) {
      return reply.header('content-encoding', 'gzip').send(gzipped);
    }
    // Unpacked once, as it has 5 MB.
    unpackedScript ??= unpack(gzipped);
    return reply.send(await unpackedScript);
  },
});

/** RFC 9110 12.5.3: a weight of 0 refuses. */
function acceptsGzip({ headers }: FastifyRequest): boolean {
  return /(?:^|,)\s*(?:x-)?gzip\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(
    String(headers['accept-encoding'] ?? ''),
  );
}
