import type { Api } from './api.ts';
import { manageApi } from './manage/index.ts';
import { openapiApi } from './openapi/index.ts';
import { operationsApi } from './operations/index.ts';

/** Everything the server serves, and everything the document describes. */
export const apis: readonly Api[] = [manageApi, operationsApi, openapiApi(() => apis)];
