import type { z } from 'zod';
import type { RouteAnswer, RouteContent } from '../route.ts';

/**
 * One operation of the API. The document is generated from these, and tests compare real responses
 * with them.
 */
export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'head' | 'post' | 'put' | 'delete';
  /** Parameters as OpenAPI spells them: `/media/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string | undefined;
  readonly access: Access;
  readonly parameters?: Readonly<Partial<Record<ParameterPlace, z.ZodObject | undefined>>>;
  readonly body?: { readonly required: boolean; readonly content: Contents } | undefined;
  /** By status, `default` for any other. */
  readonly answers: Answers;
}

/**
 * `token`: an API token · `upload`: a token or the upload code · `local`: this machine or a token ·
 * `none`: no credentials.
 */
export type Access = 'token' | 'upload' | 'local' | 'none';
export type ParameterPlace = 'path' | 'query' | 'header';
export type Answers = Readonly<Record<string, Answer>>;
/** By media type. */
export type Contents = Readonly<Record<string, Content>>;

export interface Answer extends Omit<RouteAnswer, 'content'> {
  readonly content?: Contents | undefined;
}

export interface Content extends Omit<RouteContent, 'schema'> {
  /** A named schema. */
  readonly schema: z.ZodType;
}
