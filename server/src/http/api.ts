import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Caller } from '../core/access/access.ts';
import { fail, type StowageError } from '../core/errors.ts';
import { addCors, type CorsRules } from './cors.ts';
import type { HttpDeps, HttpSettings } from './deps.ts';
import { type Dialect, sendError } from './dialect.ts';
import { type Failure, failed } from './failure.ts';
import type { CallerContext, Context, Need, Route, RouteWithoutCaller } from './route.ts';
import { type Handler, routePath } from './route-path.ts';

/** A set of routes that share a dialect. */
export interface Api {
  /** Under these paths every error is in its dialect, including that for an unknown address. */
  readonly prefixes: readonly string[];
  readonly dialect: Dialect;
  readonly cors?: (settings: HttpSettings) => CorsRules;
  /** Sent with every response, unless the route sets them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Other paths that serve the same route, which the document does not list. */
  readonly alsoAt?: (path: string) => readonly string[];
  /** Credentials that count: tokens alone, or upload codes as well. */
  readonly credentials: 'token' | 'upload';
  readonly authenticate: (context: Context, need: Need) => Promise<Caller>;
  /** Failures that any of its routes may return. */
  readonly failures: readonly Failure[];
  /** Further failures, under any other status. */
  readonly others?: { readonly description: string; readonly failures: readonly Failure[] };
  readonly routes: readonly Route[];
}

/**
 * The API as a plugin of the server, with its own errors, including those for unknown addresses.
 */
export function serveApi(api: Api, deps: HttpDeps): FastifyPluginAsync {
  return async (app) => {
    if (api.cors !== undefined) {
      addCors(app, api.cors(deps.settings));
    }
    const { headers } = api;
    if (headers !== undefined) {
      app.addHook('onRequest', async (_request, reply) => void reply.headers(headers));
    }
    app.setErrorHandler((thrown, request, reply) =>
      sendError(thrown, api.dialect, { request, reply, deps }),
    );
    for (const [path, routes] of byPath(api)) {
      routePath(app, path, handlersOf(routes, api, deps));
    }
    for (const prefix of api.prefixes) {
      app.register(answerUnknown, { prefix });
    }
  };
}

async function answerUnknown(app: FastifyInstance): Promise<void> {
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'OPTIONS') {
      return reply.code(204).send();
    }
    throw noSuchRoute(request);
  });
}

export function noSuchRoute({
  method,
  url,
}: {
  readonly method: string;
  readonly url: string;
}): StowageError {
  const [path = ''] = url.split('?', 1);
  const named = path.length > 100 ? `${path.slice(0, 100)}...` : path;
  return fail('not_found', {
    message: `No route for ${method} ${named}. The API is described at /docs.`,
  });
}

/** The API with the longest prefix of this address; undefined when no API has one. */
export function ownerOf(url: string, apis: readonly Api[]): Api | undefined {
  const [path = ''] = url.split('?', 1);
  const length = ({ prefixes }: Api) =>
    Math.max(
      0,
      ...prefixes
        .filter((prefix) => `${path}/`.startsWith(`${prefix}/`))
        .map((prefix) => prefix.length),
    );
  return apis.filter((api) => length(api) > 0).sort((one, other) => length(other) - length(one))[0];
}

/** The failure for an address that cannot be decoded and so never reaches its route. */
export function undecodable(url: string, { routes }: Api): StowageError {
  const meant = routes.find(({ path }) => path.endsWith('*') && url.startsWith(path.slice(0, -1)));
  return failed(meant?.undecodable ?? 'bad_request');
}

function byPath({ routes, alsoAt = () => [] }: Api): ReadonlyMap<string, readonly Route[]> {
  const found = new Map<string, Route[]>();
  for (const route of routes) {
    for (const path of [route.path, ...alsoAt(route.path)]) {
      found.set(path, [...(found.get(path) ?? []), route]);
    }
  }
  return found;
}

function handlersOf(
  routes: readonly Route[],
  api: Api,
  deps: HttpDeps,
): Parameters<typeof routePath>[2] {
  const methods = routes.flatMap((route) =>
    [route.method].flat().map((method) => [method, handlerOf(route, api, deps)] as const),
  );
  return Object.fromEntries(methods);
}

function handlerOf(route: Route, { authenticate }: Api, deps: HttpDeps): Handler {
  const handle = inDialect(route);
  if (isWithoutCaller(route)) {
    return (request, reply) => handle({ request, reply, deps } as CallerContext);
  }
  const { permission, changes, before } = route;
  return async (request, reply) => {
    const context = { request, reply, deps };
    before?.(context);
    const caller = await authenticate(context, { permission, changes });
    return handle({ request, reply, deps, caller });
  };
}

function isWithoutCaller(route: Route): route is RouteWithoutCaller {
  return (
    route.permission === 'public' || route.permission === 'signed' || route.permission === 'local'
  );
}

/** The API itself rejects credentials, before this. */
function inDialect({ handler, dialect }: Route): (context: CallerContext) => unknown {
  if (dialect === undefined) {
    return handler;
  }
  return async (context) => {
    try {
      return await handler(context);
    } catch (error) {
      return sendError(error, dialect, context);
    }
  };
}
