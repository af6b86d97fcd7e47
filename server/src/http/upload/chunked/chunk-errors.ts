import { StowageError } from '../../../core/errors.ts';
import { ChunkedRefusal, type Refusal } from '../../../core/uploads/chunked/chunked-refusal.ts';
import { type Failure, failed } from '../../failure.ts';
import { channelTexts } from '../channel-texts.ts';

export const noSession = {
  code: 'bad_request',
  as: 'session',
  message: 'Invalid or expired upload session',
} as const;
export const mismatch = {
  code: 'bad_request',
  as: 'mismatch',
  message: 'Session parameters mismatch',
} as const;
export const expired = { code: 'gone', message: 'Upload session expired' } as const;

const webdavText =
  'WebDAV channel does not support chunked uploads. Please use non-chunked upload within your Cloudflare request body limit.';
const maxNamedChunks = 20;

/** Upload API 2: refusals have their own texts and statuses. Other errors stay as they are. */
export function renderRefusal(error: unknown): unknown {
  return error instanceof ChunkedRefusal ? failed(failureOf(error.refusal)) : error;
}

/** Like `renderRefusal`; an error that is no mistake of the caller follows the name of the step. */
export function chunkError(error: unknown, step: string): unknown {
  const rendered = renderRefusal(error);
  if (!(rendered instanceof StowageError) || rendered.status < 500) {
    return rendered;
  }
  const message = `${step} - ${rendered.message}`;
  return new StowageError(rendered.code, {
    message,
    cause: error,
    retryAfterMs: rendered.retryAfterMs,
  });
}

function failureOf(refusal: Refusal): Failure {
  switch (refusal.reason) {
    case 'no_session':
      return noSession;
    case 'mismatch':
      return mismatch;
    case 'expired':
      return expired;
    case 'incomplete':
      return { code: 'chunks_missing', message: incompleteText(refusal) };
    default:
      return { code: 'bad_request', message: textOf(refusal) };
  }
}

type OfValues = Exclude<
  Refusal,
  { readonly reason: 'no_session' | 'mismatch' | 'expired' | 'incomplete' }
>;

function textOf(refusal: OfValues): string {
  switch (refusal.reason) {
    case 'no_channel':
      // The texts of groups begin as errors do.
      return channelTexts(refusal.group).none.replace('Error: ', '');
    case 'unsupported_channel':
      return refusal.group === 'webdav'
        ? webdavText
        : `The ${refusal.group} channel does not support chunked uploads`;
    case 'bad_total':
      return `totalChunks must be a whole number from 1 to ${refusal.maxChunks}`;
    case 'bad_index':
      return `chunkIndex must be a whole number from 0 to ${refusal.totalChunks - 1}`;
    case 'chunk_too_small':
      return `Chunk ${refusal.index} has ${refusal.sizeBytes} bytes, but this channel needs at least ${refusal.minBytes} in all but the last`;
  }
}

/** Upload API 2.4: clients read the count and the status. The indexes are to be sent again. */
function incompleteText({
  totalChunks,
  missing,
}: Extract<Refusal, { readonly reason: 'incomplete' }>): string {
  const completed = totalChunks - missing.length;
  const status = JSON.stringify({ completed, missing: missing.length });
  const named = missing.slice(0, maxNamedChunks).join(', ');
  const more = missing.length > maxNamedChunks ? ', ...' : '';
  return `Only ${completed}/${totalChunks} chunks completed successfully. Final status: ${status}. Missing chunks: ${named}${more}. The upload is kept: send them and merge again`;
}
