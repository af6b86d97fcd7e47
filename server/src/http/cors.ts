import type { FastifyInstance } from 'fastify';

export interface CorsRules {
  /** `*`, or the origins that are echoed. */
  readonly origins: readonly string[];
  readonly methods: string;
  readonly headers: string;
  readonly exposed?: string;
}

/** CORS on every answer of a plugin, preflights included. No credentials mode: cookies never cross origins. */
export function addCors(app: FastifyInstance, { origins, methods, headers, exposed }: CorsRules): void {
  const anyOrigin = origins.includes('*');
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    if (!anyOrigin) reply.header('vary', 'Origin');
    if (!anyOrigin && (origin === undefined || !origins.includes(origin))) return done();
    reply
      .header('access-control-allow-origin', anyOrigin ? '*' : origin)
      .header('access-control-allow-methods', methods)
      .header('access-control-allow-headers', headers)
      .header('access-control-max-age', '86400');
    if (exposed !== undefined) reply.header('access-control-expose-headers', exposed);
    done();
  });
}
