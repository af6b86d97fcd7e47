import { fail, isStowageError, type StowageError } from '../errors.ts';
import type { IntakeResult } from '../storage/intake.ts';
import type { PresignedDetails } from '../uploads/presigned/presigned-details.ts';
import type { ImportOptions } from './import-types.ts';

const totalMs = 5 * 60_000;

/** Stores the bytes of an MP4. Fails as `SafeFetch.open` does, or with `unsupported_media_type`. */
export async function fetchVideo(
  details: PresignedDetails,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<IntakeResult> {
  const { fetch, intake, pool, maxVideoBytes } = options;
  try {
    const fetched = await fetch.open(details.sourceUrl ?? '', {
      maxBytes: maxVideoBytes,
      totalMs,
      signal,
    });
    try {
      return await intake.store({
        source: fetched.source,
        filename: details.filename,
        declaredType: 'application/octet-stream',
        size: fetched.size,
        candidates: (await pool.forCategory('video')).map((channel) => ({
          group: channel.group,
          channel,
        })),
        accept: ({ detected }) => checkVideo(detected),
        signal,
      });
    } finally {
      fetched.close();
    }
  } catch (error) {
    if (isStowageError(error, 'too_large')) {
      throw tooLarge(maxVideoBytes);
    }
    throw error;
  }
}

function checkVideo(contentType: string): void {
  if (contentType === 'video/mp4') {
    return;
  }
  throw fail('unsupported_media_type', {
    message: `The url no longer leads to an MP4 video, but to ${contentType}.`,
  });
}

function tooLarge(maxBytes: number): StowageError {
  const message = `The file is larger than the ${Math.round(maxBytes / 2 ** 20)} MB limit for videos.`;
  return fail('too_large', { message, details: { maxBytes } });
}

/** Whether the same fetch may go better in a moment. A 404 will not. */
export function mayGoBetter(error: unknown): boolean {
  if (!isStowageError(error)) {
    return true;
  }
  const status = error.details?.upstreamStatus;
  if (error.code === 'fetch_failed' && typeof status === 'number') {
    return status === 200 || status === 408 || status === 425 || status === 429 || status >= 500;
  }
  return error.retryable;
}
