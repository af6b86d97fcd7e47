import { channelTexts } from '../../upload/channel-texts.ts';
import type { OldFailure as Failure } from '../failures.ts';

/** Responses to any call with a token or an upload code. A missing permission reads like missing credentials. */
export const uploadAlways: readonly Failure[] = [
  'unauthorized',
  { code: 'rate_limit_exceeded', message: 'Too many wrong credentials. Try again later.', retryAfterMs: 900_000 },
  'internal_error',
  'service_unavailable',
];

export const fileFailures: readonly Failure[] = [
  { code: 'bad_request', as: 'no_file', message: 'No file provided' },
  { code: 'bad_request', as: 'no_name', message: 'fileType or fileName is wrong, check the integrity of this file!' },
  { code: 'bad_request', as: 'other_field', message: 'No file provided: no field `file`; got `image`' },
  { code: 'bad_request', as: 'no_such_channel', message: 'There is no channel "nope"; choose from: photos, spare' },
  {
    code: 'bad_request',
    as: 'external',
    message: 'External links are not stored here: send the file itself, or its url to the Media API',
  },
  {
    code: 'invalid_multipart',
    message: 'Send multipart/form-data with the file in the field `file`, as `curl -F file=@photo.jpg` does.',
  },
  'incomplete_body',
  ...['s3', 'telegram'].map(
    (group): Failure => ({ code: 'channel_unavailable', as: `no_${group}`, status: 400, message: channelTexts(group).none }),
  ),
  { code: 'client_closed', status: 408, message: 'No data arrived for 120 seconds.' },
  { code: 'conflict', message: 'Every name for this file is taken.' },
  'too_large',
  ...['s3', 'telegram', 'discord'].map((group): Failure => {
    const { failed, failedStatus } = channelTexts(group);
    return {
      code: 'channel_unavailable',
      as: group,
      status: failedStatus,
      message: failed('The storage backend is not available.'),
    };
  }),
  {
    code: 'channel_unavailable',
    as: 'all',
    status: 500,
    message: JSON.stringify({ S3: 'Error: S3Error: Failed to upload to S3 - The storage backend is not available.' }),
  },
  'disk_full',
  'channel_full',
];

export const chunkedFailures: readonly Failure[] = [
  { code: 'bad_request', as: 'init', message: 'Missing initialization parameters' },
  { code: 'bad_request', as: 'chunk', message: 'Missing chunk upload parameters' },
  { code: 'bad_request', as: 'merge', message: 'Missing merge parameters' },
  { code: 'bad_request', as: 'total', message: 'totalChunks must be a whole number from 1 to 10000' },
  { code: 'bad_request', as: 'index', message: 'chunkIndex must be a whole number from 0 to 4' },
  { code: 'bad_request', as: 'session', message: 'Invalid or expired upload session' },
  { code: 'bad_request', as: 'mismatch', message: 'Session parameters mismatch' },
  { code: 'bad_request', as: 'channel', message: 'The huggingface channel does not support chunked uploads' },
  { code: 'gone', message: 'Upload session expired' },
  {
    code: 'chunks_missing',
    message:
      'Failed to merge chunks - Only 4/5 chunks completed successfully. Final status: {"completed":4,"missing":1}. Missing chunks: 2. The upload is kept: send them and merge again',
  },
  { code: 'channel_unavailable', as: 'chunk', message: 'Failed to upload chunk - The storage backend is not available.' },
  { code: 'channel_refused', as: 'chunk', message: 'Failed to upload chunk - The storage backend refused the file.' },
  {
    code: 'channel_rate_limited',
    as: 'chunk',
    message: 'Failed to upload chunk - The storage backend is limiting requests.',
    retryAfterMs: 5000,
  },
];
