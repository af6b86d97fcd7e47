import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Caller } from '../core/access/access.ts';
import type { Permission } from '../core/metadata.ts';
import type { HttpDeps } from './deps.ts';
import type { Dialect } from './dialect.ts';
import type { Failure } from './failure.ts';
import type { HeaderName } from './openapi/headers.ts';
import type { Tag } from './openapi/tags.ts';

/** The arguments of a handler. */
export interface Context {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly deps: HttpDeps;
}

export interface CallerContext extends Context {
  readonly caller: Caller;
}

/** Evaluated when the document is made, because nothing else needs the schemas of responses. */
export type Lazy<T> = () => T;

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A route. The server serves it from this, and the document describes it from this. */
export type Route = RouteWithCaller | RouteWithoutCaller;

export interface RouteWithCaller extends Described {
  /**
   * The permission that the credentials must grant; `any`: whatever they grant. Checked before the
   * handler runs.
   */
  readonly permission: Permission | 'any';
  readonly handler: (context: CallerContext) => unknown;
  /** Runs before the credentials are checked. Throws to end the request. */
  readonly before?: (context: Context) => void;
}

export interface RouteWithoutCaller extends Described {
  /**
   * `public`: no credentials. `signed`: the handler verifies the signature in the address. `local`:
   * the handler accepts this machine, or a token with `manage`.
   */
  readonly permission: 'public' | 'signed' | 'local';
  readonly handler: (context: Context) => unknown;
}

/** What a route asks of its callers. */
export type Need = Pick<RouteWithCaller, 'permission' | 'changes'>;

interface Described {
  /** `operationId` of the document, and so the method's name in generated clients. */
  readonly id: string;
  /**
   * The document lists the first of several. Its description states that the others do the same.
   */
  readonly method: Method | readonly Method[];
  /** The whole path. `:name` is a segment, `*` at the end is the rest, slashes included. */
  readonly path: string;
  /**
   * Set when GET changes something too: a cookie then counts only for requests of our own pages.
   */
  readonly changes?: true | undefined;
  readonly tag: Tag;
  /** A part of another route, which the document does not list. */
  readonly unlisted?: true;
  readonly summary: string;
  readonly description?: string;
  readonly request?: RequestSchemas;
  /** By status: successes, and refusals that no dialect renders. */
  readonly answers: RouteAnswers;
  /** In addition to those of the API. */
  readonly failures?: readonly Failure[];
  /** Renders the handler's failures. Default: the API's dialect. */
  readonly dialect?: Dialect;
  /** The failure for an address whose rest (`*`) cannot be decoded. */
  readonly undecodable?: Failure;
}

export interface RequestSchemas {
  readonly params?: Lazy<z.ZodObject>;
  readonly query?: Lazy<z.ZodObject>;
  readonly headers?: Lazy<z.ZodObject>;
  readonly body?: { readonly required: boolean; readonly content: RouteContents };
}

export type RouteAnswers = Readonly<Record<number, RouteAnswer>>;
/** By media type. */
export type RouteContents = Readonly<Record<string, RouteContent>>;

export interface RouteAnswer {
  readonly description: string;
  readonly headers?: readonly HeaderName[];
  readonly content?: RouteContents;
}

export interface RouteContent {
  /** A named schema. */
  readonly schema: Lazy<z.ZodType>;
  readonly examples?: Readonly<Record<string, Example>> | undefined;
}

export interface Example {
  readonly summary?: string;
  readonly value: unknown;
}

/** Defines a route. One without a permission does not compile. */
export function route(definition: Route): Route {
  return definition;
}

/** Contents of one media type, with examples by name. */
export function json(
  schema: RouteContent['schema'],
  examples?: RouteContent['examples'],
): RouteContents {
  return { 'application/json': { schema, examples } };
}
