import { fail } from '../../core/errors.ts';
import type { ConfiguredChannel } from '../../core/storage/channel-pool.ts';
import { type Attempt, ChannelsFailed } from '../../core/storage/intake.ts';
import { silentFor } from '../body/request-body.ts';
import type { Failure } from '../failure.ts';
import { externalLink } from './choose-channel.ts';
import { expired, mismatch, noSession } from './chunked/chunk-errors.ts';
import { missingInit } from './chunked/init-chunked.ts';
import { missingMerge } from './chunked/merge-chunked.ts';
import { missingChunk } from './chunked/put-chunk.ts';
import { noFile, noName, otherField } from './form-files.ts';
import { notAForm } from './open-form.ts';

const fileFailures: readonly Failure[] = [
  noFile,
  noName,
  otherField(['image']),
  {
    code: 'bad_request',
    as: 'no_such_channel',
    message: 'There is no channel "nope"; choose from: photos, spare',
  },
  externalLink,
  notAForm,
  'incomplete_body',
  ...['s3', 'telegram'].map((group) => ofChannels(`no_${group}`, [{ group, channel: undefined }])),
  silentFor(120_000),
  { code: 'conflict', message: 'Every name for this file is taken.' },
  'too_large',
  ...['s3', 'telegram', 'discord'].map((group) => ofChannels(group, [away(group)])),
  ofChannels('all', [away('s3'), away('discord')]),
  'disk_full',
  'channel_full',
];

function away(group: string): Attempt['candidate'] {
  // The dialect looks at nothing else of it.
  return {
    group,
    channel: { group, name: 'main', channel: { remote: true } } as ConfiguredChannel,
  };
}

function ofChannels(as: string, candidates: readonly Attempt['candidate'][]): Failure {
  const attempts = candidates.map((candidate) => ({
    candidate,
    error: fail('channel_unavailable'),
  }));
  return { as, error: () => new ChannelsFailed(attempts) };
}

const chunkedFailures: readonly Failure[] = [
  missingInit,
  missingChunk,
  missingMerge,
  {
    code: 'bad_request',
    as: 'total',
    message: 'totalChunks must be a whole number from 1 to 10000',
  },
  { code: 'bad_request', as: 'index', message: 'chunkIndex must be a whole number from 0 to 4' },
  noSession,
  mismatch,
  {
    code: 'bad_request',
    as: 'channel',
    message: 'The huggingface channel does not support chunked uploads',
  },
  expired,
  {
    code: 'chunks_missing',
    message:
      'Failed to merge chunks - Only 4/5 chunks completed successfully. Final status: {"completed":4,"missing":1}. Missing chunks: 2. The upload is kept: send them and merge again',
  },
  {
    code: 'channel_unavailable',
    as: 'chunk',
    message: 'Failed to upload chunk - The storage backend is not available.',
  },
  {
    code: 'channel_refused',
    as: 'chunk',
    message: 'Failed to upload chunk - The storage backend refused the file.',
  },
  {
    code: 'channel_rate_limited',
    as: 'chunk',
    message: 'Failed to upload chunk - The storage backend is limiting requests.',
    retryAfterMs: 5000,
  },
];

export const uploadFailures: readonly Failure[] = [...fileFailures, ...chunkedFailures];
