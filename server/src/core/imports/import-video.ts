import type { Access, Caller } from '../access/access.ts';
import { type Json, toJson } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { fail, StowageError } from '../errors.ts';
import { createFairPlaces } from '../guard/fair-places.ts';
import type { Log } from '../log.ts';
import type { MetadataStore, Upload } from '../metadata.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { Intake } from '../storage/intake.ts';
import type { OpenUploads } from '../uploads/open-uploads.ts';
import type { PendingMedia } from '../uploads/presigned/media.ts';
import { asReceived, presignedDetails } from '../uploads/presigned/presigned-details.ts';
import type { PresignedUploads } from '../uploads/presigned/presigned-upload.ts';
import { isWorthRetrying, VideoFetcher, type VideoFetcherDeps } from './fetch-video.ts';
import { type HeldImport, ImportLeases, readLease } from './import-lease.ts';
import type { ImportRequest } from './import-request.ts';
import { newVideoImport } from './new-video-import.ts';

export interface VideoImportDeps extends VideoFetcherDeps {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs'>;
  readonly pool: Pick<ChannelPool, 'forCategory'>;
  readonly intake: Intake;
  readonly presigned: Pick<PresignedUploads, 'complete'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly openUploads: OpenUploads;
  readonly now: Clock;
  readonly log: Log;
}

export interface VideoImportLimits {
  readonly maxVideoBytes: number;
  /**
   * How long a video import of a dead process lies idle before another process takes it up. Default
   * 15 s.
   */
  readonly leaseMs?: number | undefined;
  /** Wait before the second try of a video; doubles. Default 2 s. */
  readonly retryMs?: number | undefined;
}

interface Running {
  readonly held: HeldImport;
  readonly stop: AbortController;
  ended: Promise<void>;
}

const maxAttempts = 4;
const maxAtOnce = 6;
const maxAtOncePerOwner = 2;

/** The process is shutting down: another one resumes. */
const stopped = Symbol('stopped');
/** Cancelled, finished or resumed by another process. */
const lost = Symbol('lost');

/**
 * Videos are fetched by the process that was asked, under a lease it keeps renewing. The lease is a
 * job: when the process dies it comes due, and the process that runs it resumes the import. The
 * row's version locks the previous one out.
 */
export class VideoImports {
  readonly #deps: VideoImportDeps;
  readonly #maxVideoBytes: number;
  readonly #retryMs: number;
  readonly #leases: ImportLeases;
  readonly #fetcher: VideoFetcher;
  readonly #places = createFairPlaces({ total: maxAtOnce, perOwner: maxAtOncePerOwner });
  readonly #running = new Map<string, Running>();
  #isStopping = false;

  constructor(
    deps: VideoImportDeps,
    { maxVideoBytes, leaseMs = 15_000, retryMs = 2000 }: VideoImportLimits,
  ) {
    this.#deps = deps;
    this.#maxVideoBytes = maxVideoBytes;
    this.#retryMs = retryMs;
    this.#leases = new ImportLeases(deps, leaseMs);
    this.#fetcher = new VideoFetcher(deps, { maxVideoBytes });
  }

  async start(request: ImportRequest, owner: string): Promise<PendingMedia> {
    const { openUploads, pool, now } = this.#deps;
    await openUploads.admit(owner);
    const [channel] = await pool.forCategory('video');
    if (channel === undefined) {
      throw fail('service_unavailable', { message: 'No storage channel takes videos.' });
    }
    const { upload, details } = newVideoImport(request, {
      owner,
      channelId: channel.id,
      maxBytes: this.#maxVideoBytes,
      at: now(),
    });
    const { id: uploadId, version } = upload;
    const lease = this.#leases.create({ uploadId, version, attempt: 2 });
    // The lease first: a row without one would never be taken up.
    await this.#leases.add(lease);
    await openUploads.begin(upload, request.ip).catch(async (error: unknown) => {
      await this.#leases.end({ lease });
      throw error;
    });
    if (!this.#isStopping) {
      this.#launch({ upload, lease, attempt: 1 });
    }
    return { state: 'uploading', upload, details };
  }

  /** Runs when a lease comes due: its process is gone, or was held up. */
  async takeUp(job: Json): Promise<void> {
    if (this.#isStopping) {
      throw fail('service_unavailable');
    }
    const lease = readLease(job);
    const { uploadId, version, attempt } = lease;
    const own = this.#running.get(uploadId);
    if (own !== undefined && own.held.upload.version === version) {
      // A stall or a jump of the clock made our own lease come due.
      own.held.lease = this.#leases.create(lease);
      return this.#leases.add(own.held.lease);
    }
    const upload = await this.#deps.metadata.uploads.get(uploadId);
    if (upload?.version !== version || upload.state !== 'open') {
      return;
    }
    if (attempt > maxAttempts) {
      const held = { upload, lease: this.#leases.create(lease), attempt };
      return this.#leases.giveUp(held, fail('internal_error'));
    }
    const held = await this.#leases.take(upload, attempt);
    if (held !== undefined) {
      this.#launch(held);
    }
  }

  /** Stops fetching; the next process resumes. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const running = [...this.#running.values()];
    for (const { stop } of running) {
      stop.abort(stopped);
    }
    await Promise.all(running.map(({ ended }) => ended));
  }

  #launch(held: HeldImport): void {
    const import_: Running = { held, stop: new AbortController(), ended: Promise.resolve() };
    this.#running.set(held.upload.id, import_);
    import_.ended = this.#run(import_);
  }

  async #run(import_: Running): Promise<void> {
    const stopRenewing = this.#keepRenewing(import_);
    try {
      await this.#work(import_).catch((error: unknown) => this.#settle(import_, error));
    } catch (error) {
      // The lease comes due and the import is taken up again.
      this.#deps.log.error(
        { err: error },
        'A video import stopped unexpectedly; it resumes when its lease expires',
      );
    } finally {
      await stopRenewing();
      this.#running.delete(import_.held.upload.id);
    }
  }

  async #work({ held, stop }: Running): Promise<void> {
    const { owner } = held.upload;
    const release = await this.#places.acquire(owner, stop.signal);
    try {
      await this.#requireOwner(held.upload);
      await this.#receive(held, stop.signal);
      await this.#deps.presigned.complete(held.upload.id, uploaderNamed(owner));
      await this.#leases.end(held);
    } finally {
      release();
    }
  }

  /** Fetches and stores the bytes, unless an earlier try did. */
  async #receive(held: HeldImport, signal: AbortSignal): Promise<void> {
    const details = presignedDetails(held.upload);
    if (details.received !== null) {
      return;
    }
    const { intake } = this.#deps;
    const { filename, sourceUrl } = details;
    const stored = await this.#fetcher.store({ url: sourceUrl ?? '', filename, signal });
    const received = asReceived(stored);
    const patch = {
      storageId: received.storageId,
      expectedBytes: received.size,
      details: toJson({ ...details, received }),
    };
    try {
      const attempt = held.attempt + 1;
      const { durationMs: waitMs } = this.#leases;
      const step = { patch, attempt, waitMs, clears: stored.pendingCleanup };
      if (!(await this.#leases.advance(held, step))) {
        throw fail('conflict');
      }
    } catch (error) {
      await intake.discard(stored, error);
      throw error;
    }
    await intake.settle(stored);
  }

  /** What becomes of an import that ended with an error. */
  async #settle({ held, stop }: Running, thrown: unknown): Promise<void> {
    const error = stop.signal.aborted ? stop.signal.reason : thrown;
    const { attempt } = held;
    if (error === lost) {
      return this.#leases.end(held);
    }
    if (error === stopped) {
      return this.#leases.release(held, attempt, 0);
    }
    this.#deps.log.warn({ media: held.upload.id, attempt, err: error }, 'Video import failed');
    if (isWorthRetrying(error) && attempt < maxAttempts) {
      return this.#leases.release(held, attempt + 1, this.#retryMs * 2 ** (attempt - 1));
    }
    await this.#leases.giveUp(held, error instanceof StowageError ? error : fail('internal_error'));
  }

  /** Returns what ends it, and resolves when no renewal is under way. */
  #keepRenewing(import_: Running): () => Promise<void> {
    let renewing = Promise.resolve();
    const warn = (error: unknown): void =>
      this.#deps.log.warn({ err: error }, 'Could not renew the lease of an import');
    const timer = setInterval(() => {
      renewing = renewing.then(() => this.#renew(import_)).catch(warn);
    }, this.#leases.durationMs / 3);
    return () => {
      clearInterval(timer);
      return renewing;
    };
  }

  async #renew({ held, stop }: Running): Promise<void> {
    const upload = await this.#deps.metadata.uploads.get(held.upload.id);
    if (upload?.state !== 'open') {
      return stop.abort(lost);
    }
    await this.#requireOwner(upload).catch((error: unknown) => stop.abort(error));
    await this.#leases.renew(held);
  }

  async #requireOwner({ owner }: Upload): Promise<void> {
    if (!(await this.#deps.access.mayUpload(owner))) {
      throw fail('unauthorized', {
        message: 'The API key of this import was revoked or has expired.',
      });
    }
  }
}

function uploaderNamed(owner: string): Caller {
  return { owner, permissions: new Set(['upload']), token: undefined };
}
