import { describe, expect, it } from 'vitest';
import { fail } from '../../../core/errors.ts';
import { ChunkedRefusal, type Refusal } from '../../../core/uploads/chunked/chunked-refusal.ts';
import { chunkError, renderRefusal } from './chunk-errors.ts';

const range = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, index) => start + index);

describe('a refused step of a chunked upload', () => {
  it.each<[Refusal, number, string]>([
    [{ reason: 'no_session' }, 400, 'Invalid or expired upload session'],
    [{ reason: 'mismatch' }, 400, 'Session parameters mismatch'],
    [{ reason: 'expired' }, 410, 'Upload session expired'],
    [{ reason: 'bad_total', maxChunks: 9 }, 400, 'totalChunks must be a whole number from 1 to 9'],
    [{ reason: 'bad_index', totalChunks: 5 }, 400, 'chunkIndex must be a whole number from 0 to 4'],
    [{ reason: 'no_channel', group: 's3' }, 400, 'No S3 channel provided'],
    [
      { reason: 'unsupported_channel', group: 'huggingface' },
      400,
      'The huggingface channel does not support chunked uploads',
    ],
    [
      { reason: 'unsupported_channel', group: 'webdav' },
      400,
      'WebDAV channel does not support chunked uploads. Please use non-chunked upload within your Cloudflare request body limit.',
    ],
    [
      { reason: 'chunk_too_small', index: 2, sizeBytes: 10, minBytes: 50 },
      400,
      'Chunk 2 has 10 bytes, but this channel needs at least 50 in all but the last',
    ],
    [
      { reason: 'incomplete', totalChunks: 5, missing: [2] },
      500,
      'Failed to merge chunks - Only 4/5 chunks completed successfully. Final status: {"completed":4,"missing":1}. Missing chunks: 2. The upload is kept: send them and merge again',
    ],
    [
      { reason: 'incomplete', totalChunks: 50, missing: range(0, 25) },
      500,
      `Failed to merge chunks - Only 25/50 chunks completed successfully. Final status: {"completed":25,"missing":25}. Missing chunks: ${range(0, 20).join(', ')}, .... The upload is kept: send them and merge again`,
    ],
  ])('%j has its own status and text', (refusal, status, message) => {
    const error = chunkError(new ChunkedRefusal(refusal), 'Failed to merge chunks');
    expect(error).toMatchObject({ status, message });
  });
});

describe('another error of a step', () => {
  it('follows the name of the step when the caller is not to blame', () => {
    const error = fail('channel_rate_limited', { message: 'Slow down.', retryAfterMs: 5000 });
    expect(chunkError(error, 'Failed to upload chunk')).toMatchObject({
      code: 'channel_rate_limited',
      message: 'Failed to upload chunk - Slow down.',
      retryAfterMs: 5000,
    });
    expect(renderRefusal(error)).toBe(error);
  });

  it('stays as it is when it is a mistake of the caller, or unknown', () => {
    for (const error of [fail('too_large'), new Error('unknown')]) {
      expect(chunkError(error, 'Failed to upload chunk')).toBe(error);
    }
  });
});
