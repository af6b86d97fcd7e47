import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Caller } from '../core/access/access.ts';
import type { Permission } from '../core/metadata.ts';
import type { HttpDeps } from './deps.ts';
import type { Dialect } from './dialect.ts';
import type { Failure } from './failure.ts';
import type { HeaderName } from './openapi/headers.ts';
import type { Tag } from './openapi/tags.ts';

/** What a handler works with. */
export interface Context {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly deps: HttpDeps;
}

export interface CallerContext extends Context {
  readonly caller: Caller;
}

/** Made when the document is: nothing else needs the schemas of answers. */
export type Lazy<T> = () => T;

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Everything about a route: the server serves it from this, and the document describes it from
 * this.
 */
export type Route = RouteWithCaller | RouteWithoutCaller;

export interface RouteWithCaller extends Described {
  /**
   * What the credentials must allow; `any`: whatever they allow. They are looked at before the
   * handler runs.
   */
  readonly permission: Permission | 'any';
  readonly handler: (context: CallerContext) => unknown;
  /** What is answered before the credentials are looked at: throws, or does nothing. */
  readonly before?: (context: Context) => void;
}

export interface RouteWithoutCaller extends Described {
  /**
   * `public`: everybody may. `signed`: whoever has the address, whose signature the handler
   * verifies. `local`: this machine, or a token that may manage, at which the handler looks.
   */
  readonly permission: 'public' | 'signed' | 'local';
  readonly handler: (context: Context) => unknown;
}

interface Described {
  /** `operationId` of the document, and so the name in generated clients. */
  readonly id: string;
  /**
   * Of several the first stands in the document; its description says that the others do the same.
   */
  readonly method: Method | readonly Method[];
  /** The whole path. `:name` is a segment, `*` at the end is the rest, slashes included. */
  readonly path: string;
  readonly tag: Tag;
  /** A part of another route: the document does not list it. */
  readonly unlisted?: true;
  readonly summary: string;
  readonly description?: string;
  readonly request?: RequestSchemas;
  /** By status: successes, and refusals that no dialect says. */
  readonly answers: RouteAnswers;
  /** Those of the API come on top. */
  readonly failures?: readonly Failure[];
  /** How the handler's failures are said; default: as the API says them. */
  readonly dialect?: Dialect;
  /** What an address is told whose rest (`*`) cannot be decoded. */
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
  /** One with a name. */
  readonly schema: Lazy<z.ZodType>;
  readonly examples?: Readonly<Record<string, Example>>;
}

export interface Example {
  readonly summary?: string;
  readonly value: unknown;
}

/** A route without a permission does not compile. */
export function route(definition: Route): Route {
  return definition;
}

/** Contents of one media type, with examples by name. */
export function json(
  schema: RouteContent['schema'],
  examples?: RouteContent['examples'],
): RouteContents {
  return { 'application/json': { schema, ...(examples && { examples }) } };
}
