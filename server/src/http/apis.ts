import type { Api } from './api.ts';
import { authApi } from './auth/index.ts';
import { filesApi } from './files/index.ts';
import { manageApi } from './manage/index.ts';
import { mediaApi } from './media/index.ts';
import { openapiApi } from './openapi/index.ts';
import { operationsApi } from './operations/index.ts';
import { publicApi } from './public/index.ts';
import { relayApi } from './relay/index.ts';
import { uploadApi } from './upload/index.ts';

/** Every API that the server serves and the document describes. */
export const apis: readonly Api[] = [
  mediaApi,
  relayApi,
  uploadApi,
  filesApi,
  manageApi,
  publicApi,
  authApi,
  operationsApi,
  openapiApi(() => apis),
];
