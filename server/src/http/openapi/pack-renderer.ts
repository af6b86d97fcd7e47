/**
 * Writes the gzipped script of `/docs` to standard output. A separate program, because loading
 * several megabytes of source costs 75 MB that the server would never free. The package exposes the
 * script only as the route of a plugin.
 */
import { gzipSync } from 'node:zlib';
import reference from '@scalar/fastify-api-reference';
import Fastify from 'fastify';

const carrier = Fastify({ logger: false });
await carrier.register(reference, {
  routePrefix: '/docs',
  configuration: { url: '/openapi.json' },
});
const { statusCode, rawPayload } = await carrier.inject('/docs/js/scalar.js');
if (statusCode !== 200) {
  throw new Error('The renderer of the API page has no script any more.');
}
process.stdout.write(gzipSync(rawPayload));
