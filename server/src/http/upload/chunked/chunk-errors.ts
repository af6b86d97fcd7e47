import { StowageError } from '../../../core/errors.ts';
import { ChunkedRefusal } from '../../../core/uploads/chunked/chunked-types.ts';
import { channelTexts } from '../channel-texts.ts';

const webdavText =
  'WebDAV channel does not support chunked uploads. Please use non-chunked upload within your Cloudflare request body limit.';

/**
 * Upload API 2: refusals have their own texts and statuses; every other error follows the name of
 * the step that failed.
 */
export function chunkError(error: unknown, what: string): unknown {
  if (error instanceof ChunkedRefusal) {
    // The texts of groups begin as errors do.
    if (error.reason === 'no_channel') {
      return new ChunkedRefusal(
        error.reason,
        channelTexts(error.message).none.replace('Error: ', ''),
      );
    }
    if (error.reason !== 'unsupported_channel') {
      return error;
    }
    return new ChunkedRefusal(
      error.reason,
      error.message === 'webdav'
        ? webdavText
        : `The ${error.message} channel does not support chunked uploads`,
    );
  }
  // A mistake of the caller keeps its own sentence.
  if (!(error instanceof StowageError) || error.status < 500) {
    return error;
  }
  return new StowageError(error.code, {
    message: `${what} - ${error.message}`,
    cause: error,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  });
}
