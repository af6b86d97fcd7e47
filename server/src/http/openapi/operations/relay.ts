import { z } from 'zod';
import { type OldFailure as Failure, joined, mediaFailures } from '../failures.ts';
import type { Answers, Operation } from '../operation.ts';
import { bytes, text } from '../schemas/common.ts';
import { relayForm, relayFormAnswer } from '../schemas/relay.ts';
import { otherFailures, unknownMedia } from './media-answers.ts';
import { relayedForm } from './media-examples.ts';

const path = '/relay/{id}';
const tag = 'Upload URL';

const byId = z.object({ id: z.uuid().meta({ description: 'Part of the address that step 1 answered.' }) });
const byDirectId = z.object({ id: z.string().meta({ description: 'Part of `uploadAction.href`.' }) });
const signature = z.object({ sig: z.string().meta({ description: 'Part of the address that step 1 answered.' }) });

const digest = (description: string) => z.string().optional().meta({ description });
const checksums = z.object({
  'Content-MD5': digest('MD5 of the body, base64 (RFC 1864). Verified.'),
  'Content-Digest': digest('`sha-256=:<base64>:` (RFC 9530). Verified.'),
  'Repr-Digest': digest('The same as Content-Digest, which counts first.'),
  'If-None-Match': digest('`*` wants to be the first to upload, ETags want to bring other bytes; otherwise 412.'),
  'X-Amz-Checksum-Sha256': digest('SHA-256 of the body, base64. Verified.'),
});

const failures: readonly Failure[] = [
  { code: 'bad_request', message: 'A checksum header is malformed.' },
  {
    code: 'bad_request',
    as: 'part',
    message: 'A part of a file cannot be stored by Content-Range. Send the whole file, or its chunks.',
  },
  {
    code: 'bad_request',
    as: 'no_length',
    status: 411,
    message: 'Send the file with a Content-Length, or with Transfer-Encoding: chunked.',
  },
  'precondition_failed',
  {
    code: 'unsupported_media_type',
    message: 'The body has the Content-Encoding "gzip". Send it as it is, without Content-Encoding.',
  },
  'incomplete_body',
  { code: 'checksum_mismatch', details: { algorithm: 'md5', expected: '9e107d9d372bb682', received: 'e4d909c290d0fb1c' } },
  'invalid_signature',
  { code: 'invalid_signature', as: 'revoked', message: 'The API key of this upload was revoked or has expired.' },
  'upload_url_expired',
  unknownMedia,
  { code: 'client_closed', status: 408, message: 'No data arrived for 120 seconds.' },
  'already_completed',
  { code: 'too_large', details: { max_size: 20_971_520 } },
  {
    code: 'content_type_mismatch',
    status: 415,
    message: 'This URL is for image/jpeg, but the request says image/png.',
    details: { declared: 'image/jpeg', received: 'image/png' },
  },
  'internal_error',
  'channel_unavailable',
  'channel_unauthorized',
  'channel_refused',
  'channel_rate_limited',
  'service_unavailable',
  'disk_full',
  'channel_full',
];

function answers(success: Answers, more: readonly Failure[] = []): Answers {
  return joined(success, mediaFailures([...failures, ...more]), otherFailures);
}

const shared = { path, tag, access: 'none', parameters: { path: byId, query: signature, header: checksums } } as const;

export const relayOperations: readonly Operation[] = [
  {
    ...shared,
    id: 'putUpload',
    method: 'put',
    summary: 'Send the bytes raw',
    description:
      'Step 2 of 3, for channels without upload addresses of their own. Call the `upload_url` of step 1 as it is; the signature in it is the credential. May be repeated until complete: the last whole transfer counts. Takes images too.',
    body: {
      required: true,
      content: {
        'image/*': { schema: bytes },
        'video/mp4': { schema: bytes },
        'application/pdf': { schema: bytes },
        'application/octet-stream': { schema: bytes },
      },
    },
    answers: answers({
      200: {
        description: 'The bytes are stored.',
        headers: ['X-Request-Id', 'ETag', 'Location'],
        content: { 'text/plain': { schema: text, examples: { stored: { summary: 'Nothing', value: '' } } } },
      },
    }),
  },
  {
    ...shared,
    id: 'postUpload',
    method: 'post',
    summary: 'Send the bytes as a form',
    description:
      'The same as PUT for a form with one file, which is what images are asked for as. Takes videos and documents too, and raw bytes.',
    body: { required: true, content: { 'multipart/form-data': { schema: relayForm } } },
    answers: answers(
      {
        200: {
          description: 'The bytes are stored.',
          headers: ['X-Request-Id', 'ETag', 'Location'],
          content: { 'application/json': { schema: relayFormAnswer, examples: { stored: { value: relayedForm } } } },
        },
      },
      [
        'invalid_multipart',
        {
          code: 'bad_request',
          as: 'no_file',
          message: 'The form holds no file. Send it as the part "file".',
          details: { fields: ['filename'] },
        },
      ],
    ),
  },
  {
    path: '/relay/direct/{id}',
    tag,
    access: 'none',
    parameters: { path: byDirectId, query: signature },
    id: 'putDirectUpload',
    method: 'put',
    summary: 'Send the bytes of a direct upload here',
    description:
      'Step 2 of a Hugging Face upload whose bytes are in the repository already, of somebody else. `uploadAction.href` leads here then: a hash alone gives no right to a file. The bytes are compared and not kept; commit afterwards.',
    body: { required: true, content: { 'application/octet-stream': { schema: bytes } } },
    answers: joined(
      {
        200: {
          description: 'These are the bytes.',
          headers: ['X-Request-Id'],
          content: { 'text/plain': { schema: text, examples: { compared: { summary: 'Nothing', value: '' } } } },
        },
      },
      mediaFailures([
        {
          code: 'bad_request',
          as: 'no_length',
          status: 411,
          message: 'Send the file with a Content-Length, or with Transfer-Encoding: chunked.',
        },
        {
          code: 'unsupported_media_type',
          message: 'The body has the Content-Encoding "gzip". Send it as it is, without Content-Encoding.',
        },
        'incomplete_body',
        { code: 'checksum_mismatch', message: 'These are not the bytes with the SHA-256 that was announced.' },
        'invalid_signature',
        'upload_url_expired',
        'not_found',
        { code: 'client_closed', status: 408, message: 'No data arrived for 120 seconds.' },
        'already_completed',
        { code: 'too_large', details: { maxBytes: 524_288_000 } },
        'internal_error',
        'service_unavailable',
      ]),
      otherFailures,
    ),
  },
];
