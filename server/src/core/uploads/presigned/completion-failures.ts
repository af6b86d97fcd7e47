import { fail, isStowageError, type StowageError } from '../../errors.ts';
import type { PresignedDetails, PresignedRow } from './presigned-details.ts';

/** What `complete` fails with before the bytes have arrived. */
export function nothingArrived({ upload, details }: PresignedRow, at: number): StowageError {
  if (upload.kind === 'import') {
    return fail('import_in_progress');
  }
  const expiresInSeconds = Math.floor((details.urlExpiresAt - at) / 1000);
  if (expiresInSeconds <= 0) {
    return fail('upload_expired');
  }
  const { declaredSize: expected } = details;
  return fail('upload_not_received', {
    details: { mediaId: upload.id, received: 0, expected, expiresInSeconds },
  });
}

/** What `complete` fails with after an earlier call refused the file. */
export function failedBefore({ error }: PresignedDetails): StowageError {
  const details = error === null ? undefined : { errorMessage: error.message };
  return fail('media_failed', { message: error?.message, details });
}

/**
 * For a call that joined another one: the refusal that both waited for is not one of before, so
 * both get the same error.
 */
export function sameAs(joinedError: unknown): (error: unknown) => never {
  return (error) => {
    const isRepeated =
      isStowageError(joinedError) &&
      isStowageError(error, 'media_failed') &&
      error.message === joinedError.message;
    throw isRepeated ? joinedError : error;
  };
}
