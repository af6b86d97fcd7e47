import { fail, isStowageError, type StowageError } from '../errors.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { Intake, IntakeResult } from '../storage/intake.ts';
import type { SafeFetch } from './safe-fetch/safe-fetch.ts';

const totalMs = 5 * 60_000;

export interface VideoFetcherDeps {
  readonly fetch: SafeFetch;
  readonly intake: Pick<Intake, 'store'>;
  readonly pool: Pick<ChannelPool, 'forCategory'>;
}

export interface VideoSource {
  readonly url: string;
  readonly filename: string;
  readonly signal: AbortSignal;
}

/** Stores the bytes of MP4 videos on the web. */
export class VideoFetcher {
  readonly #deps: VideoFetcherDeps;
  readonly #maxBytes: number;

  constructor(deps: VideoFetcherDeps, { maxVideoBytes }: { readonly maxVideoBytes: number }) {
    this.#deps = deps;
    this.#maxBytes = maxVideoBytes;
  }

  /** Fails as `SafeFetch.open` does, or with `unsupported_media_type`. */
  async store(video: VideoSource): Promise<IntakeResult> {
    try {
      return await this.#store(video);
    } catch (error) {
      throw isStowageError(error, 'too_large') ? tooLarge(this.#maxBytes) : error;
    }
  }

  async #store({ url, filename, signal }: VideoSource): Promise<IntakeResult> {
    const { fetch, intake, pool } = this.#deps;
    const fetched = await fetch.open(url, { maxBytes: this.#maxBytes, totalMs, signal });
    try {
      return await intake.store({
        source: fetched.source,
        filename,
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

/** Whether the same fetch may succeed in a moment. A 404 will not. */
export function isWorthRetrying(error: unknown): boolean {
  if (!isStowageError(error)) {
    return true;
  }
  const status = error.details?.upstreamStatus;
  if (error.code === 'fetch_failed' && typeof status === 'number') {
    return status === 200 || status === 408 || status === 425 || status === 429 || status >= 500;
  }
  return error.retryable;
}
