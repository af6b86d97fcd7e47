import { z } from 'zod';
import { tap } from '../../core/streams/tap.ts';
import { requestOrigin } from '../address/request-origin.ts';
import { requireLength } from '../body/whole-body.ts';
import type { Failure } from '../failure.ts';
import { exampleId, noSuchMedia } from '../media/media-schemas.ts';
import { named } from '../openapi/named.ts';
import { bytes, text, timestamp } from '../openapi/shared-schemas.ts';
import { partOfFile } from '../refuse-ambiguity.ts';
import { relayPurpose } from '../relay-url.ts';
import { requestSignal } from '../request-signal.ts';
import { type Context, json, route } from '../route.ts';
import { malformedChecksum, promisedDigests } from './checksums.ts';
import { noFile, openBody } from './open-body.ts';
import { readClaims, signature } from './read-claims.ts';

const byId = () =>
  z.object({ id: z.uuid().meta({ description: 'Part of the address that step 1 returned.' }) });

const digest = (description: string) => z.string().optional().meta({ description });
const checksums = () =>
  z.object({
    'Content-MD5': digest('MD5 of the body, base64 (RFC 1864). Verified.'),
    'Content-Digest': digest('`sha-256=:<base64>:` (RFC 9530). Verified.'),
    'Repr-Digest': digest('The same as Content-Digest, which takes precedence.'),
    'If-None-Match': digest(
      '`*`: only when nothing has been uploaded yet. ETags: only when the bytes differ from these. Otherwise 412.',
    ),
    'X-Amz-Checksum-Sha256': digest('SHA-256 of the body, base64. Verified.'),
  });

const relayForm = named('RelayForm', () =>
  z.object({
    file: z
      .file()
      .meta({ description: 'The file. Any other name of the one file part is taken too.' }),
  }),
);

const relayFormAnswer = named('RelayFormAnswer', () =>
  z.strictObject({
    result: z.strictObject({
      id: z.uuid(),
      filename: z.string(),
      uploaded: timestamp,
      requireSignedURLs: z.literal(false),
      variants: z.array(z.string()).max(0),
    }),
    success: z.literal(true),
    errors: z.array(z.unknown()).max(0),
    messages: z.array(z.unknown()).max(0),
  }),
);

const failures: readonly Failure[] = [
  malformedChecksum,
  partOfFile,
  'precondition_failed',
  {
    code: 'checksum_mismatch',
    details: { algorithm: 'md5', expected: '9e107d9d372bb682', received: 'e4d909c290d0fb1c' },
  },
  {
    code: 'invalid_signature',
    as: 'revoked',
    message: 'The API key of this upload was revoked, has expired or may no longer upload.',
  },
  noSuchMedia,
  { code: 'too_large', details: { maxBytes: 20_971_520 } },
  {
    code: 'content_type_mismatch',
    status: 415,
    message: 'This URL is for image/jpeg, but the request says image/png.',
    details: { declared: 'image/jpeg', received: 'image/png' },
  },
  'channel_unavailable',
  'channel_unauthorized',
  'channel_refused',
  'channel_rate_limited',
  'disk_full',
  'channel_full',
];

const stored = {
  description: 'The bytes are stored.',
  headers: ['X-Request-Id', 'ETag', 'Location'],
} as const;

/** Media API 3.4: step 2, raw by PUT, for every kind of media. May be repeated until `complete`. */
export const putUpload = route({
  id: 'putUpload',
  method: 'PUT',
  path: '/relay/:id',
  permission: 'signed',
  tag: 'Upload URL',
  summary: 'Send the bytes raw',
  description:
    'Step 2 of 3, for channels without upload addresses of their own. Call the `upload_url` of step 1 unchanged; the signature in it is the credential. May be repeated until complete: the last whole transfer counts. Takes images too.',
  request: {
    params: byId,
    query: signature,
    headers: checksums,
    body: {
      required: true,
      content: {
        'image/*': { schema: bytes },
        'video/mp4': { schema: bytes },
        'application/pdf': { schema: bytes },
        'application/octet-stream': { schema: bytes },
      },
    },
  },
  answers: {
    200: {
      ...stored,
      content: {
        'text/plain': { schema: text, examples: { stored: { summary: 'Nothing', value: '' } } },
      },
    },
  },
  failures,
  async handler(context) {
    await receive(context);
    return context.reply.code(200).send('');
  },
});

/** The same as a form by POST. */
export const postUpload = route({
  id: 'postUpload',
  method: 'POST',
  path: '/relay/:id',
  permission: 'signed',
  tag: 'Upload URL',
  summary: 'Send the bytes as a form',
  description:
    'The same as PUT, for a form with one file: the way `upload_method` requests images. Takes videos and documents too, and raw bytes.',
  request: {
    params: byId,
    query: signature,
    headers: checksums,
    body: { required: true, content: { 'multipart/form-data': { schema: relayForm } } },
  },
  answers: {
    200: {
      ...stored,
      content: json(relayFormAnswer, {
        stored: {
          value: asImage(exampleId, 'product-photo.jpg', Date.parse('2026-04-10T12:00:03.000Z')),
        },
      }),
    },
  },
  failures: [...failures, 'invalid_multipart', { ...noFile, details: { fields: ['filename'] } }],
  async handler(context) {
    const { id, filename } = await receive(context);
    return context.reply.code(200).send(asImage(id, filename, context.deps.now()));
  },
});

/** The shape of Cloudflare Images, which images go to by default. */
function asImage(id: string, filename: string, at: number) {
  const result = {
    id,
    filename,
    uploaded: new Date(at).toISOString(),
    requireSignedURLs: false,
    variants: [],
  };
  return { result, success: true, errors: [], messages: [] };
}

async function receive({
  request,
  reply,
  deps,
}: Context): Promise<{ readonly id: string; readonly filename: string }> {
  const startedAt = deps.now();
  const claims = readClaims(request, relayPurpose, deps);
  requireLength(request.raw);
  const upload = openBody(request, claims, deps);
  const { source, contentType } = await upload.open();
  const received = await deps.presigned.receive({
    id: claims.id,
    source: tap(source, { maxBytes: claims.maxBytes ?? 0 }),
    contentType,
    size: upload.size,
    expected: promisedDigests(request.headers),
    unless: refusedTags(request.headers['if-none-match']),
    startedAt,
    signal: requestSignal(request.raw),
  });
  reply.header('etag', `"${received.hash}"`);
  // Some browser libraries look for it; the file has no link yet.
  reply.header(
    'location',
    `${requestOrigin(request.raw, deps.settings)}/api/v1/media/${claims.id}`,
  );
  return { id: claims.id, filename: upload.filename() };
}

/** RFC 9110 13.1.2: `*` asks to be the first, tags ask not to replace those bytes by the same. */
function refusedTags(header: string | undefined): '*' | readonly string[] {
  const tags = (header ?? '').split(',').map((tag) => tag.trim());
  return tags.includes('*')
    ? '*'
    : tags.map((tag) => tag.replace(/^(?:W\/)?"(.*)"$/, '$1')).filter((tag) => tag !== '');
}
