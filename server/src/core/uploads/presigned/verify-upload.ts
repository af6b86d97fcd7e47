import { categoryOf } from '../../content-type/media-types.ts';
import { secondType } from '../../content-type/polyglot.ts';
import { sniff } from '../../content-type/sniff.ts';
import { fail, isStowageError, type StowageError } from '../../errors.ts';
import type { MediaFacts, Prober, RandomAccess } from '../../prober.ts';
import type { ChannelPool } from '../../storage/channel-pool.ts';
import { randomAccess } from '../../storage/random-access.ts';
import { openReplica } from '../../storage/read-content.ts';
import type { DigestService } from '../../streams/digests.ts';
import { holdsAnotherType } from './media.ts';
import type { PresignedDetails, Received } from './presigned-details.ts';

const inspectTimeoutMs = 60_000;
const startBytes = 8 * 1024;
const lateStartBytes = 64 * 1024;

export interface VerifierDeps {
  readonly pool: Pick<ChannelPool, 'byId'>;
  readonly prober: Pick<Prober, 'inspect'>;
  readonly digests: DigestService;
}

export interface VerifierLimits {
  readonly strictSize: boolean;
  /** Media types that may become media. */
  readonly supportedTypes: readonly string[];
}

export interface UploadToVerify {
  readonly received: Received;
  readonly details: PresignedDetails;
  /** The first bytes, where the store has sent them along. */
  readonly start: Uint8Array | undefined;
}

/** What the bytes turned out to be. */
export interface Verified {
  readonly contentType: string;
  readonly facts: MediaFacts;
  readonly sha256: string | null;
  readonly warnings: readonly string[];
}

/** The file is at fault, for `reason`: verifying it again would end the same way. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
  readonly reason: StowageError;

  constructor(reason: StowageError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}

/** Decides whether bytes that arrived may become the declared media. */
export class UploadVerifier {
  readonly #deps: VerifierDeps;
  readonly #limits: VerifierLimits;

  constructor(deps: VerifierDeps, limits: VerifierLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** Throws `FileRefused` for a file that may not; any other error is no fault of the file. */
  async verify(upload: UploadToVerify): Promise<Verified> {
    const { received, details } = upload;
    this.#checkSize(received, details);
    const content = this.#open(upload);
    const contentType = await detect(content, details);
    this.#checkType(contentType, details);
    const [facts, second] = await Promise.all([
      this.#inspect(content, contentType),
      details.category === 'image' ? secondType(content) : undefined,
    ]);
    if (second !== undefined) {
      throw new FileRefused(holdsAnotherType(contentType, second));
    }
    return {
      contentType,
      facts: withDeclared(facts, details),
      sha256: await this.#checkSha256(received, details),
      warnings: corrections(received, details, contentType),
    };
  }

  #checkSize({ size }: Received, { maxBytes, declaredSize }: PresignedDetails): void {
    if (size === 0) {
      throw new FileRefused(fail('empty_file'));
    }
    if (size > maxBytes) {
      throw new FileRefused(fail('too_large', { details: { maxBytes, received: size } }));
    }
    if (this.#limits.strictSize && declaredSize !== null && declaredSize !== size) {
      const details = { declared: declaredSize, received: size };
      throw new FileRefused(fail('size_mismatch', { details }));
    }
  }

  #open({ received, start }: UploadToVerify): RandomAccess {
    return randomAccess({
      channel: this.#deps.pool.byId(received.channelId).channel,
      segments: received.segments,
      signal: AbortSignal.timeout(inspectTimeoutMs),
      start,
    });
  }

  #checkType(detected: string, { category, contentType }: PresignedDetails): void {
    if (categoryOf(detected) === category && this.#limits.supportedTypes.includes(detected)) {
      return;
    }
    throw new FileRefused(
      fail('content_type_mismatch', {
        message: `The file is ${detected}, not the declared ${contentType}.`,
        details: { declared: contentType, detected },
      }),
    );
  }

  async #inspect(content: RandomAccess, contentType: string): Promise<MediaFacts> {
    try {
      return await this.#deps.prober.inspect(content, contentType);
    } catch (error) {
      if (isStowageError(error, 'invalid_media') || isStowageError(error, 'unprocessable')) {
        throw new FileRefused(error);
      }
      throw error;
    }
  }

  /**
   * Reads bytes that went straight to the store once more, and only when the caller asked for the
   * check.
   */
  async #checkSha256(received: Received, { sha256 }: PresignedDetails): Promise<string | null> {
    if (received.sha256 !== null || sha256 === null) {
      return received.sha256;
    }
    const actual = await this.#hash(received);
    if (actual === sha256) {
      return sha256;
    }
    const details = { algorithm: 'sha256', expected: sha256, received: actual };
    throw new FileRefused(fail('checksum_mismatch', { status: 422, details }));
  }

  async #hash(received: Received): Promise<string | undefined> {
    const { pool, digests } = this.#deps;
    const { stream } = await openReplica(pool.byId(received.channelId).channel, received, {
      signal: AbortSignal.timeout(30 * inspectTimeoutMs),
    });
    const tapped = digests.tap(stream, ['sha256']);
    for await (const _chunk of tapped.source) {
    }
    return (await tapped.digests).sha256;
  }
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

function withDeclared(facts: MediaFacts, details: PresignedDetails): MediaFacts {
  return {
    width: facts.width ?? details.width,
    height: facts.height ?? details.height,
    durationSeconds: facts.durationSeconds ?? details.durationSeconds,
  };
}

/** Where the declaration was wrong, in sentences for the caller. */
function corrections(
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
