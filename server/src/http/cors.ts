import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface CorsRules {
  /** `*`, or the origins that are echoed. */
  readonly origins: readonly string[];
  readonly methods: string;
  /** Request headers that are always allowed. A preflight also allows those it asks for. */
  readonly headers: string;
  readonly exposed?: string;
}

/**
 * Adds CORS to every response of a plugin, including preflights. No credentials mode: cookies never
 * cross origins.
 */
export function addCors(app: FastifyInstance, rules: CorsRules): void {
  app.addHook('onRequest', (request, reply, done) => {
    setCors(request, reply, rules);
    done();
  });
}

export function setCors(request: FastifyRequest, reply: FastifyReply, rules: CorsRules): void {
  const { origins, methods, headers, exposed } = rules;
  const { origin } = request.headers;
  const anyOrigin = origins.includes('*');
  if (!anyOrigin) {
    reply.header('vary', 'Origin');
  }
  if (!anyOrigin && (origin === undefined || !origins.includes(origin))) {
    return;
  }
  reply
    .header('access-control-allow-origin', anyOrigin ? '*' : origin)
    .header('access-control-allow-methods', methods)
    .header(
      'access-control-allow-headers',
      request.method === 'OPTIONS' ? withAsked(headers, request) : headers,
    )
    .header('access-control-max-age', '86400');
  if (exposed !== undefined) {
    reply.header('access-control-expose-headers', exposed);
  }
}

const maxAsked = 100;

/**
 * Upload widgets send headers of their own (`X-Requested-With`, `Cache-Control`). They have no
 * effect here, so they are allowed.
 */
function withAsked(headers: string, request: FastifyRequest): string {
  const known = headers.toLowerCase().split(', ');
  const asked = String(request.headers['access-control-request-headers'] ?? '').split(
    ',',
    maxAsked,
  );
  const more = asked
    .map((name) => name.trim())
    .filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name));
  return [headers, ...new Set(more.filter((name) => !known.includes(name.toLowerCase())))].join(
    ', ',
  );
}
