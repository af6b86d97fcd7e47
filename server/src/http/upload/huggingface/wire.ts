import { z } from 'zod';
import { fail } from '../../../core/errors.ts';
import type { DirectCommit } from '../../../core/uploads/direct/direct-details.ts';
import { DirectRefusal } from '../../../core/uploads/direct/direct-refusal.ts';
import type { DirectRequest } from '../../../core/uploads/direct/direct-start.ts';
import { jsonFailures } from '../../body/json-body.ts';
import type { Dialect } from '../../dialect.ts';
import { type Failure, failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { boundedText } from '../bounded-text.ts';
import { uploadDialect } from '../errors.ts';
import { nameModeOf } from '../query.ts';

type Body = Readonly<Record<string, unknown>>;

const sampleBytes = 512;

/** Upload API 3.2, request of step 1. */
export function readDirectRequest(body: Body): Omit<DirectRequest, 'ip'> {
  const { fileName, sha256, fileSample } = body;
  const size = numberIn(body.fileSize);
  if (
    typeof fileName !== 'string' ||
    !fileName ||
    typeof sha256 !== 'string' ||
    typeof fileSample !== 'string' ||
    !(size > 0)
  ) {
    throw failed(missingStartFields);
  }
  if (!Number.isSafeInteger(size)) {
    throw fail('bad_request', { message: 'fileSize must be a whole number' });
  }
  return {
    filename: boundedText(fileName, 'fileName', 'name'),
    contentType: boundedText(text(body.fileType) ?? 'application/octet-stream', 'fileType', 'type'),
    size,
    sha256: hexDigest(sha256),
    sample: Buffer.from(fileSample, 'base64').subarray(0, sampleBytes),
    choice: { group: 'huggingface', name: text(body.channelName), fallback: false },
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
    throw failed(missingCommitFields);
  }
  return { path: fullId, filePath, sha256: hexDigest(sha256), size };
}

const directError = named('DirectError', () => z.strictObject({ error: z.string() }));

/** Errors of these routes are `{"error"}`; 401 stays the one word of the Upload API. */
export const directDialect: Dialect = {
  render(error, facts) {
    if (error.code === 'unauthorized') {
      return uploadDialect.render(error, facts);
    }
    // Upload API 3.2: a refusal of the hub is a 500 with its words.
    const { status, message } =
      error instanceof DirectRefusal ? failed(refusals[error.reason]) : error;
    return { status: status === 502 ? 500 : status, body: { error: message } };
  },
  trace(error, facts, log) {
    if (error.code === 'unauthorized') {
      uploadDialect.trace?.(error, facts, log);
    }
  },
  schema: directError,
};

const noDigest = {
  code: 'bad_request',
  as: 'sha256',
  message: 'sha256 must be 64 hexadecimal characters',
} as const;
export const noChannel = {
  code: 'bad_request',
  as: 'channel',
  message: 'No HuggingFace channel configured',
} as const;
export const notIssued = {
  code: 'insufficient_scope',
  message: 'No matching upload URL was issued to this caller. Call getUploadUrl first.',
} as const;
export const notArrived = {
  code: 'upload_not_received',
  message: 'The file has not arrived: call getUploadUrl and upload it to uploadAction.href first.',
} as const;
const refusals = { no_channel: noChannel, not_issued: notIssued, not_arrived: notArrived } as const;

export const missingStartFields = {
  code: 'bad_request',
  as: 'fields',
  message: 'Missing required fields: fileSize, fileName, sha256, fileSample',
} as const;
export const missingCommitFields = {
  code: 'bad_request',
  as: 'fields',
  message: 'Missing required fields: fullId, filePath, sha256, fileSize',
} as const;

/** Of all three steps. */
export const directFailures: readonly Failure[] = [
  ...jsonFailures,
  noDigest,
  { code: 'too_large', message: 'The file is larger than allowed.' },
  { code: 'channel_refused', message: 'Hugging Face answered 422: invalid oid.' },
  'channel_rate_limited',
  'service_unavailable',
];

export const sha256 = () =>
  z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/)
    .meta({ description: 'SHA-256 of the whole file, hexadecimal.' });
export const fileSize = () => z.int().positive().meta({ description: 'Bytes of the whole file.' });
export const channelName = () =>
  z
    .string()
    .optional()
    .meta({ description: 'Name of a Hugging Face channel; default: the first.' });

export const exampleDirect = {
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  fullId: 'videos/1775822400000_large-video.mp4',
  filePath: 'videos/a1b2c3d4_1775822400000_large-video.mp4',
  fileSize: 524_288_000,
};

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * NaN for what is neither a number nor a text: an object may not even be one that `Number` can
 * read.
 */
function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
}

function hexDigest(value: string): string {
  if (!/^[0-9a-f]{64}$/i.test(value)) {
    throw failed(noDigest);
  }
  return value.toLowerCase();
}
