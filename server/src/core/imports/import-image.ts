import type { Clock } from '../clock.ts';
import { categoryOf } from '../content-type/media-types.ts';
import { secondType } from '../content-type/polyglot.ts';
import { fail, isStowageError, type StowageError } from '../errors.ts';
import type { Files } from '../library/files.ts';
import type { MediaFacts, Prober } from '../prober.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { Intake, IntakeResult } from '../storage/intake.ts';
import { randomAccess } from '../storage/random-access.ts';
import { tap } from '../streams/tap.ts';
import { holdsAnotherType, mediaPath, type ReadyMedia } from '../uploads/presigned/media.ts';
import { uuidv7 } from '../uuid.ts';
import { finalName, givenName, type ImportRequest } from './import-request.ts';
import type { SafeFetch } from './safe-fetch/safe-fetch.ts';

const totalMs = 30_000;
const inspectMs = 60_000;

export interface ImageImportDeps {
  readonly pool: Pick<ChannelPool, 'forCategory'>;
  readonly intake: Intake;
  readonly files: Pick<Files, 'add'>;
  readonly prober: Pick<Prober, 'inspect'>;
  readonly fetch: SafeFetch;
  readonly now: Clock;
}

export interface ImageImportLimits {
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  /** Media types that may become media. */
  readonly supportedTypes: readonly string[];
}

/** Imports of pictures: fetched while the caller waits. */
export class ImageImports {
  readonly #deps: ImageImportDeps;
  readonly #limits: ImageImportLimits;

  constructor(deps: ImageImportDeps, limits: ImageImportLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /**
   * Makes the picture a file; `video` when the url leads to one, of which nothing was stored.
   * Leaves nothing behind when it fails.
   */
  async import(request: ImportRequest, owner: string): Promise<ReadyMedia | 'video'> {
    const stored = await this.#fetch(request);
    if (stored === 'video') {
      return 'video';
    }
    try {
      const facts = await this.#inspect(stored);
      return await this.#record(request, owner, { stored, facts });
    } catch (error) {
      await this.#deps.intake.discard(stored, error);
      throw error;
    }
  }

  /**
   * The type that the remote states does not count: the first bytes decide, and the limit of
   * pictures holds from then on.
   */
  async #fetch(request: ImportRequest): Promise<IntakeResult | 'video'> {
    const { fetch, pool, intake } = this.#deps;
    const { maxImageBytes, maxVideoBytes } = this.#limits;
    const { signal } = request;
    const limit = { maxBytes: Math.max(maxImageBytes, maxVideoBytes) };
    let isVideo = false;
    const fetched = await fetch.open(request.url, { ...limit, totalMs, signal });
    try {
      return await intake.store({
        // The limit becomes smaller on the way.
        source: tap(fetched.source, limit),
        filename: givenName(request),
        declaredType: 'application/octet-stream',
        size: fetched.size,
        candidates: (await pool.forCategory('image')).map((channel) => ({
          group: channel.group,
          channel,
        })),
        accept: ({ detected }, head) => {
          isVideo = detected === 'video/mp4';
          this.#checkType(detected, head);
          limit.maxBytes = maxImageBytes;
          if (Math.max(fetched.size ?? 0, head.length) > maxImageBytes) {
            throw imageTooLarge(maxImageBytes);
          }
        },
        signal,
      });
    } catch (error) {
      if (isVideo) {
        return 'video';
      }
      throw isStowageError(error, 'too_large') ? imageTooLarge(limit.maxBytes) : error;
    } finally {
      fetched.close();
    }
  }

  #checkType(contentType: string, head: Uint8Array): void {
    const { supportedTypes } = this.#limits;
    if (head.length === 0) {
      throw fail('empty_file');
    }
    if (categoryOf(contentType) === 'image' && supportedTypes.includes(contentType)) {
      return;
    }
    throw fail('unsupported_media_type', {
      message: `The url leads to ${contentType}.`,
      details: {
        detected: contentType,
        supportedTypes: supportedTypes.filter((type) => categoryOf(type) !== 'document'),
      },
    });
  }

  async #inspect({ channel, segments, sniffed }: IntakeResult): Promise<MediaFacts> {
    const { contentType } = sniffed;
    const signal = AbortSignal.timeout(inspectMs);
    const content = randomAccess({ channel: channel.channel, segments, signal });
    const [facts, second] = await Promise.all([
      this.#deps.prober.inspect(content, contentType),
      secondType(content),
    ]);
    if (second !== undefined) {
      throw holdsAnotherType(contentType, second);
    }
    return facts;
  }

  async #record(
    request: ImportRequest,
    owner: string,
    { stored, facts }: { readonly stored: IntakeResult; readonly facts: MediaFacts },
  ): Promise<ReadyMedia> {
    const { contentType } = stored.sniffed;
    const id = uuidv7(this.#deps.now());
    const filename = finalName(request, contentType);
    const added = await this.#deps.files.add({
      id,
      bytes: stored,
      filename,
      contentType,
      ...facts,
      path: mediaPath(id, filename, contentType),
      givenOnce: true,
      uploader: owner,
      promisedTo: owner,
      ip: request.ip,
    });
    if (added === undefined) {
      throw fail('internal_error');
    }
    return { state: 'ready', stored: added, warnings: [] };
  }
}

function imageTooLarge(maxBytes: number): StowageError {
  return fail('too_large', {
    message: `The file is larger than the ${Math.round(maxBytes / 2 ** 20)} MB limit.`,
    details: { maxBytes },
  });
}
