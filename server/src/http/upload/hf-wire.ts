import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectCommit, DirectRequest } from '../../core/direct-upload.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import type { HttpDeps } from '../deps.ts';
import { toError } from '../to-error.ts';
import { boundedText } from './bounded-text.ts';
import { nameModeOf } from './query.ts';

type Body = Readonly<Record<string, unknown>>;

const sampleBytes = 512;

/** Upload API 3.2, request of step 1. */
export function readDirectRequest(body: Body): Omit<DirectRequest, 'ip'> {
  const { fileName, sha256, fileSample } = body;
  const size = numberIn(body.fileSize);
  if (typeof fileName !== 'string' || !fileName || typeof sha256 !== 'string' || typeof fileSample !== 'string' || !(size > 0)) {
    throw fail('bad_request', { message: 'Missing required fields: fileSize, fileName, sha256, fileSample' });
  }
  if (!Number.isSafeInteger(size)) throw fail('bad_request', { message: 'fileSize must be a whole number' });
  return {
    filename: boundedText(fileName, 'fileName', 'name'),
    contentType: boundedText(text(body.fileType) ?? 'application/octet-stream', 'fileType', 'type'),
    size,
    sha256: hexDigest(sha256),
    sample: Buffer.from(fileSample, 'base64').subarray(0, sampleBytes),
    channelName: text(body.channelName),
    folder: text(body.uploadFolder) ?? '',
    nameMode: nameModeOf(text(body.uploadNameType)) ?? 'default',
  };
}

/** Upload API 3.4, request of step 3. */
export function readDirectCommit(body: Body): DirectCommit {
  const { fullId, filePath, sha256 } = body;
  const size = numberIn(body.fileSize);
  if (
    typeof fullId !== 'string' ||
    !fullId ||
    typeof filePath !== 'string' ||
    !filePath ||
    typeof sha256 !== 'string' ||
    !(size > 0)
  ) {
    throw fail('bad_request', { message: 'Missing required fields: fullId, filePath, sha256, fileSize' });
  }
  return { path: fullId, filePath, sha256: hexDigest(sha256), size };
}

/** These routes say errors as `{"error"}`; 401 stays the one word of the Upload API. */
export function sayDirectError(
  thrown: unknown,
  reply: FastifyReply,
  { log }: Pick<HttpDeps, 'log'>,
  request: FastifyRequest,
): FastifyReply {
  if (isStowageError(thrown, 'unauthorized')) throw thrown;
  const { status, message } = toError(thrown);
  if (status >= 500) log.error({ requestId: request.id, err: thrown }, 'Direct upload failed');
  // Upload API 3.2: whatever the hub refuses is a 500 with its words.
  return reply
    .code(status === 502 ? 500 : status)
    .header('cache-control', 'no-store')
    .send({ error: message });
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** NaN for what is neither a number nor a text: an object may not even be one that `Number` can read. */
function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
}

function hexDigest(value: string): string {
  if (!/^[0-9a-f]{64}$/i.test(value)) throw fail('bad_request', { message: 'sha256 must be 64 hexadecimal characters' });
  return value.toLowerCase();
}
