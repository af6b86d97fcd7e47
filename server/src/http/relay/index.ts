import type { Api } from '../api.ts';
import { byToken } from '../authenticate.ts';
import { silentFor } from '../body/request-body.ts';
import { encodedBody, noLength } from '../body/whole-body.ts';
import { mediaDialect } from '../media/envelope.ts';
import { otherMediaFailures } from '../media/index.ts';
import { receiveDirect } from './receive-direct.ts';
import { postUpload, putUpload } from './receive-upload.ts';

/** Upload addresses for channels that cannot presign: the same protocol, through us. */
export const relayApi: Api = {
  prefixes: ['/relay'],
  dialect: mediaDialect,
  cors: () => ({
    // Browsers upload from anywhere; the signed address is the credential.
    origins: ['*'],
    methods: 'PUT, POST, OPTIONS',
    headers:
      'Content-Type, Content-MD5, Content-Digest, Repr-Digest, x-amz-checksum-sha256, x-amz-content-sha256, If-None-Match, Range',
    exposed: 'ETag, Location, X-Request-Id',
  }),
  headers: { 'cache-control': 'no-store' },
  credentials: 'token',
  authenticate: byToken,
  failures: [
    noLength,
    encodedBody('gzip'),
    'incomplete_body',
    silentFor(120_000),
    'invalid_signature',
    'upload_url_expired',
    'already_completed',
    'internal_error',
    'service_unavailable',
  ],
  others: otherMediaFailures,
  routes: [putUpload, postUpload, receiveDirect],
};
