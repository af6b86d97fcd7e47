import type { Api } from '../api.ts';
import { byToken } from '../authenticate.ts';
import { plainDialect } from '../operations/plain.ts';
import { getDocs } from './get-docs.ts';
import { createGetOpenApi } from './get-openapi.ts';
import { getRenderer } from './get-renderer.ts';

/**
 * `/openapi.json`, and the same as a page at `/docs`. Everything the page loads comes from this
 * server.
 */
export function openapiApi(all: () => readonly Api[]): Api {
  return {
    prefixes: [],
    dialect: plainDialect,
    credentials: 'token',
    authenticate: byToken,
    failures: [],
    routes: [createGetOpenApi(all), getDocs, getRenderer],
  };
}
