import type { Api } from '../api.ts';
import { tooManyGuesses } from '../authenticate.ts';
import { foreignPage } from '../foreign-page.ts';
import { getChannels } from './channels.ts';
import { chunkStatus } from './chunked/chunk-status.ts';
import { uploadDialect } from './errors.ts';
import { commitUpload } from './huggingface/commit-upload.ts';
import { completeMultipart } from './huggingface/complete-multipart.ts';
import { getUploadUrl } from './huggingface/get-upload-url.ts';
import { byUploader } from './refuse-blocked.ts';
import { upload } from './upload.ts';

/** The Upload API (image bed). */
export const uploadApi: Api = {
  prefixes: ['/upload'],
  // The paths of older clients.
  alsoAt: (path) =>
    path.startsWith('/upload/huggingface/') ? [path.replace('/upload', '/api')] : [],
  dialect: uploadDialect,
  cors: ({ corsOrigins }) => ({
    origins: corsOrigins,
    methods: 'POST, GET, OPTIONS',
    headers: 'Content-Type, Authorization, authCode, Idempotency-Key',
    exposed:
      'Content-Length, Content-Range, ETag, X-Request-Id, X-Stowage-Channel, X-Stowage-Notice',
  }),
  credentials: 'upload',
  authenticate: byUploader,
  failures: [
    'unauthorized',
    'address_blocked',
    tooManyGuesses,
    foreignPage,
    'internal_error',
    'service_unavailable',
  ],
  routes: [upload, chunkStatus, getChannels, getUploadUrl, commitUpload, completeMultipart],
};
