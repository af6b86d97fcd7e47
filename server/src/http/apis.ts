import type { Api } from './api.ts';
import { manageApi } from './manage/index.ts';
import { mediaApi } from './media/index.ts';
import { openapiApi } from './openapi/index.ts';
import { operationsApi } from './operations/index.ts';
import { relayApi } from './relay/index.ts';

/** Everything the server serves, and everything the document describes. */
export const apis: readonly Api[] = [mediaApi, relayApi, manageApi, operationsApi, openapiApi(() => apis)];
