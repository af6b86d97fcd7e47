/**
 * Writes the script that draws `/docs` to the standard output, gzipped. A program of its own,
 * because the script is several megabytes of source: loading it costs 75 MB that the server would
 * never get back. Its package gives it away only as the route of a plugin.
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
