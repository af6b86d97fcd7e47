import type { Api } from './api.ts';
import { openapiApi } from './openapi/index.ts';
import { operationsApi } from './operations/index.ts';

/** Everything the server serves, and everything the document describes. */
export const apis: readonly Api[] = [operationsApi, openapiApi(() => apis)];
