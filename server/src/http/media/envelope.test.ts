import { describe, expect, it } from 'vitest';
import { type ErrorCode, type ErrorDetails, fail } from '../../core/errors.ts';
import { mediaDialect } from './envelope.ts';

const facts = { requestId: 'a1', at: 0, route: undefined, headers: {} };

function errorOf(code: ErrorCode, options: ErrorDetails = {}): unknown {
  const { body } = mediaDialect.render(fail(code, options), facts);
  return (JSON.parse(JSON.stringify(body)) as { error: unknown }).error;
}

describe('errors of the Media API', () => {
  it('have names of their own for details', () => {
    const details = {
      maxBytes: 10,
      received: 11,
      mediaId: 'm',
      expiresInSeconds: 5,
      uploadUrl: 'https://media.example/relay/m',
      upstreamStatus: null,
      supportedTypes: ['image/png'],
      errorMessage: 'x',
      maxFrames: 1,
      maxPixels: 2,
      validationErrors: [],
      didYouMean: 'url',
    };
    expect(errorOf('unprocessable', { details })).toMatchObject({
      details: {
        max_size: 10,
        received: 11,
        media_id: 'm',
        expires_in: 5,
        upload_url: 'https://media.example/relay/m',
        upstream_status: null,
        supported_types: ['image/png'],
        error_message: 'x',
        max_frames: 1,
        max_pixels: 2,
        validation_errors: [],
        did_you_mean: 'url',
      },
    });
  });

  it('keep the names of details that an older version wrote down', () => {
    const details = { max_size: 10, received: 11 };
    expect(errorOf('too_large', { details })).toMatchObject({ code: 'file_too_large', details });
  });

  it('have no member without a value', () => {
    expect(errorOf('empty_file')).toEqual({
      code: 'empty_file',
      message: 'The file is empty.',
      retryable: false,
    });
  });

  it.each<[ErrorCode, string, string]>([
    [
      'upload_url_expired',
      'upload_url_expired',
      'The upload URL has expired. Call POST /media/upload again.',
    ],
    [
      'upload_expired',
      'upload_expired',
      'Uploaded file not found: the upload URL expired before the file arrived. Call POST /media/upload again.',
    ],
    [
      'upload_not_received',
      'upload_not_received',
      'Uploaded file not found in storage. Make sure you uploaded the file to upload_url before calling complete.',
    ],
    [
      'import_in_progress',
      'conflict',
      'This media is still being imported. Poll GET /media/{media_id}.',
    ],
  ])('of the code %s name the next step', (code, wireCode, message) => {
    expect(errorOf(code)).toMatchObject({ code: wireCode, message });
  });
});
