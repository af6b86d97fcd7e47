import type { FastifyRequest } from 'fastify';
import { cameThroughProxy } from '../address/client-address.ts';
import { authenticateToken } from '../authenticate.ts';
import { text } from '../openapi/shared-schemas.ts';
import { route } from '../route.ts';

export const getMetrics = route({
  id: 'getMetrics',
  method: 'GET',
  path: '/metrics',
  permission: 'local',
  tag: 'Operations',
  summary: 'Metrics for Prometheus',
  description:
    'Open to requests from this machine, to tokens with the permission `manage`, and to everyone when `metrics.public` is set.',
  answers: {
    200: {
      description: 'Metrics in the text format.',
      content: { 'text/plain': { schema: text } },
    },
  },
  failures: [
    'unauthorized',
    { code: 'insufficient_scope', details: { required: 'manage' } },
    'rate_limit_exceeded',
  ],
  async handler({ request, reply, deps }) {
    if (!deps.settings.metricsPublic && !isLocalRequest(request)) {
      await authenticateToken(request, { permission: 'manage' }, deps);
    }
    const { contentType, body } = await deps.metrics.render();
    return reply.type(contentType).send(body);
  },
});

/**
 * Whether a program on this machine asks for this machine. Requests that a local proxy forwards
 * come from elsewhere, whether the proxy is trusted or not. A page whose name was made to resolve
 * here (DNS rebinding) asks for that name.
 */
function isLocalRequest({ ip, raw }: FastifyRequest): boolean {
  const isLocal = ['127.0.0.1', '::1'].includes(ip);
  return isLocal && isLoopbackName(raw.headers.host) && !cameThroughProxy(raw);
}

function isLoopbackName(host: string | undefined): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host ?? '');
}
