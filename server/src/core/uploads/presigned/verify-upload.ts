import { categoryOf } from '../../content-type/media-types.ts';
import { secondType } from '../../content-type/polyglot.ts';
import { sniff } from '../../content-type/sniff.ts';
import { fail, isStowageError, type StowageError } from '../../errors.ts';
import type { MediaFacts, RandomAccess } from '../../prober.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { randomAccess } from '../../storage/random-access.ts';
import { openReplica } from '../../storage/read-content.ts';
import type { PresignedDetails, Received } from './presigned-details.ts';
import type { PresignedUploadOptions } from './presigned-types.ts';

const inspectTimeoutMs = 60_000;
const startBytes = 8 * 1024;
const lateStartBytes = 64 * 1024;

interface Verification {
  readonly received: Received;
  /** The first bytes, where the store has sent them along. */
  readonly start?: Uint8Array | undefined;
  readonly details: PresignedDetails;
  readonly channel: ConfiguredChannel;
  readonly options: PresignedUploadOptions;
}

type Verdict =
  | { readonly error: StowageError }
  | {
      readonly contentType: string;
      readonly facts: MediaFacts;
      readonly warnings: readonly string[];
      readonly sha256: string | null;
    };

/** Whether the bytes may become the declared media, and what they are. */
export async function verify({
  received,
  start,
  details,
  channel,
  options,
}: Verification): Promise<Verdict> {
  const sizeError = verifySize(received, details, options.strictSize);
  if (sizeError !== undefined) {
    return { error: sizeError };
  }
  const signal = AbortSignal.timeout(inspectTimeoutMs);
  const content = randomAccess({
    channel: channel.channel,
    segments: received.segments,
    signal,
    start,
  });
  const contentType = await detect(content, details);
  if (
    categoryOf(contentType) !== details.category ||
    !options.supportedTypes.includes(contentType)
  ) {
    return { error: mistyped(details, contentType) };
  }
  const [facts, second] = await Promise.all([
    inspect(content, contentType, options),
    details.category === 'image' ? secondType(content) : undefined,
  ]);
  if ('error' in facts) {
    return facts;
  }
  if (second !== undefined) {
    return { error: isBoth(contentType, second) };
  }
  const sha256 = await verifySha256({ received, details, channel, options });
  if (typeof sha256 === 'object' && sha256 !== null) {
    return sha256;
  }
  return {
    contentType,
    facts: withDeclared(facts, details),
    warnings: warningsOf(received, details, contentType),
    sha256,
  };
}

/**
 * What the bytes are. The declared type only chooses between types that they allow: what it merely
 * claims does not count here.
 */
async function detect(
  content: RandomAccess,
  { contentType, category }: PresignedDetails,
): Promise<string> {
  const detectIn = async (bytes: number) =>
    (await sniff(await content.read(0, bytes), { filename: '', declared: contentType })).detected;
  const detected = await detectIn(startBytes);
  // A PDF may begin late.
  return category === 'document' && detected !== contentType ? detectIn(lateStartBytes) : detected;
}

function verifySize(
  { size }: Received,
  { maxBytes, declaredSize }: PresignedDetails,
  strict: boolean,
): StowageError | undefined {
  if (size === 0) {
    return fail('empty_file');
  }
  if (size > maxBytes) {
    return fail('too_large', { details: { maxBytes, received: size } });
  }
  if (strict && declaredSize !== null && declaredSize !== size) {
    return fail('size_mismatch', { details: { declared: declaredSize, received: size } });
  }
  return undefined;
}

function mistyped(details: PresignedDetails, detected: string): StowageError {
  return fail('content_type_mismatch', {
    message: `The file is ${detected}, not the declared ${details.contentType}.`,
    details: { declared: details.contentType, detected },
  });
}

/** Of a picture that is something else besides. */
export function isBoth(contentType: string, second: string): StowageError {
  return fail('content_type_mismatch', {
    message: `The file is ${contentType}, but holds ${second} as well.`,
    details: { declared: contentType, detected: second },
  });
}

async function inspect(
  content: RandomAccess,
  contentType: string,
  { prober }: PresignedUploadOptions,
): Promise<MediaFacts | { readonly error: StowageError }> {
  try {
    return await prober.inspect(content, contentType);
  } catch (error) {
    if (isStowageError(error, 'invalid_media') || isStowageError(error, 'unprocessable')) {
      return { error };
    }
    throw error;
  }
}

/**
 * Bytes that went straight to the store are read once more, only when the caller asked for the
 * check.
 */
async function verifySha256({
  received,
  details,
  channel,
  options,
}: Verification): Promise<string | null | { readonly error: StowageError }> {
  if (received.sha256 !== null || details.sha256 === null) {
    return received.sha256;
  }
  const { stream } = await openReplica(channel.channel, received, {
    signal: AbortSignal.timeout(30 * inspectTimeoutMs),
  });
  const tapped = options.digests.tap(stream, ['sha256']);
  for await (const _chunk of tapped.source) {
  }
  const { sha256 } = await tapped.digests;
  if (sha256 === details.sha256) {
    return details.sha256;
  }
  return {
    error: fail('checksum_mismatch', {
      status: 422,
      details: { algorithm: 'sha256', expected: details.sha256, received: sha256 },
    }),
  };
}

function withDeclared(facts: MediaFacts, details: PresignedDetails): MediaFacts {
  return {
    width: facts.width ?? details.width,
    height: facts.height ?? details.height,
    durationSeconds: facts.durationSeconds ?? details.durationSeconds,
  };
}

function warningsOf(
  received: Received,
  details: PresignedDetails,
  contentType: string,
): readonly string[] {
  const warnings: string[] = [];
  if (contentType !== details.contentType) {
    warnings.push(`content_type corrected from ${details.contentType} to ${contentType}.`);
  }
  if (details.declaredSize !== null && details.declaredSize !== received.size) {
    warnings.push(`size corrected from ${details.declaredSize} to ${received.size}.`);
  }
  return warnings;
}
