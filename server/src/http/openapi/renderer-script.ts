import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import Fastify from 'fastify';

export interface RendererScript {
  readonly gzipped: Buffer;
  readonly etag: string;
}

const compress = promisify(gzip);

/**
 * The script that draws the page, packed. It is several megabytes, so it is loaded when somebody looks for the first time. Its package gives
 * it away only as a plugin's route, hence the server that never listens.
 */
export async function loadRendererScript(): Promise<RendererScript> {
  const { default: reference } = await import('@scalar/fastify-api-reference');
  const carrier = Fastify({ logger: false });
  await carrier.register(reference, { routePrefix: '/docs', configuration: { url: '/openapi.json' } });
  const { statusCode, rawPayload } = await carrier.inject('/docs/js/scalar.js');
  await carrier.close();
  if (statusCode !== 200) throw new Error('The renderer of the API page has no script any more.');
  const gzipped = await compress(rawPayload);
  return { gzipped, etag: `"${createHash('sha256').update(gzipped).digest('hex').slice(0, 32)}"` };
}
