import type { Access, Caller } from '../access/access.ts';
import { toJson } from '../bytes.ts';
import { fail, StowageError } from '../errors.ts';
import { createFairPlaces } from '../guard/fair-places.ts';
import type { Log } from '../log.ts';
import type { MetadataStore, Upload } from '../metadata.ts';
import type { Intake } from '../storage/intake.ts';
import { asReceived, presignedDetails } from '../uploads/presigned/presigned-details.ts';
import type { PresignedUploads } from '../uploads/presigned/presigned-upload.ts';
import { isWorthRetrying, VideoFetcher, type VideoFetcherDeps } from './fetch-video.ts';
import type { HeldImport, ImportLeases } from './import-lease.ts';

export interface VideoWorkerDeps extends VideoFetcherDeps {
  readonly metadata: Pick<MetadataStore, 'uploads'>;
  readonly intake: Intake;
  readonly presigned: Pick<PresignedUploads, 'complete'>;
  readonly access: Pick<Access, 'mayUpload'>;
  readonly log: Log;
}

export interface VideoWorkerLimits {
  readonly maxVideoBytes: number;
  /** Wait before the second try of a video; doubles. Default 2 s. */
  readonly retryMs?: number | undefined;
}

interface Running {
  readonly held: HeldImport;
  readonly stop: AbortController;
  ended: Promise<void>;
}

export const maxAttempts = 4;
const maxAtOnce = 6;
const maxAtOncePerOwner = 2;

/** The process is shutting down: another one resumes. */
const stopped = Symbol('stopped');
/** Cancelled, finished or resumed by another process. */
const lost = Symbol('lost');

/** Works on the imports of videos whose leases this process holds, and renews the leases. */
export class VideoWorker {
  readonly #deps: VideoWorkerDeps;
  readonly #leases: ImportLeases;
  readonly #retryMs: number;
  readonly #fetcher: VideoFetcher;
  readonly #places = createFairPlaces({ total: maxAtOnce, perOwner: maxAtOncePerOwner });
  readonly #running = new Map<string, Running>();

  constructor(
    deps: VideoWorkerDeps,
    leases: ImportLeases,
    { maxVideoBytes, retryMs = 2000 }: VideoWorkerLimits,
  ) {
    this.#deps = deps;
    this.#leases = leases;
    this.#retryMs = retryMs;
    this.#fetcher = new VideoFetcher(deps, { maxVideoBytes });
  }

  launch(held: HeldImport): void {
    const import_: Running = { held, stop: new AbortController(), ended: Promise.resolve() };
    this.#running.set(held.upload.id, import_);
    import_.ended = this.#run(import_);
  }

  /** The import of this upload, while this process works on it. */
  heldImport(uploadId: string): HeldImport | undefined {
    return this.#running.get(uploadId)?.held;
  }

  /** Stops fetching; another process resumes. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) {
      stop.abort(stopped);
    }
    await Promise.all(running.map(({ ended }) => ended));
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
