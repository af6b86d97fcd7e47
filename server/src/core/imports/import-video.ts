import type { Json } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import { fail } from '../errors.ts';
import type { MetadataStore } from '../metadata.ts';
import type { ChannelPool } from '../storage/channel-pool.ts';
import type { OpenUploads } from '../uploads/open-uploads.ts';
import type { PendingMedia } from '../uploads/presigned/media.ts';
import { ImportLeases, readLease } from './import-lease.ts';
import type { ImportRequest } from './import-request.ts';
import { newVideoImport } from './new-video-import.ts';
import {
  maxAttempts,
  VideoWorker,
  type VideoWorkerDeps,
  type VideoWorkerLimits,
} from './video-worker.ts';

export interface VideoImportDeps extends VideoWorkerDeps {
  readonly metadata: Pick<MetadataStore, 'uploads' | 'jobs'>;
  readonly pool: Pick<ChannelPool, 'forCategory'>;
  readonly openUploads: OpenUploads;
  readonly now: Clock;
}

export interface VideoImportLimits extends VideoWorkerLimits {
  /**
   * How long a video import of a dead process lies idle before another process takes it up. Default
   * 15 s.
   */
  readonly leaseMs?: number | undefined;
}

/**
 * Videos are fetched by the process that was asked, under a lease it keeps renewing. The lease is a
 * job: when the process dies it comes due, and the process that runs it resumes the import. The
 * row's version locks the previous one out.
 */
export class VideoImports {
  readonly #deps: VideoImportDeps;
  readonly #maxVideoBytes: number;
  readonly #leases: ImportLeases;
  readonly #worker: VideoWorker;
  #isStopping = false;

  constructor(deps: VideoImportDeps, { leaseMs = 15_000, ...limits }: VideoImportLimits) {
    this.#deps = deps;
    this.#maxVideoBytes = limits.maxVideoBytes;
    this.#leases = new ImportLeases(deps, leaseMs);
    this.#worker = new VideoWorker(deps, this.#leases, limits);
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
      this.#worker.launch({ upload, lease, attempt: 1 });
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
    const own = this.#worker.heldImport(uploadId);
    if (own !== undefined && own.upload.version === version) {
      // A stall or a jump of the clock made our own lease come due.
      own.lease = this.#leases.create(lease);
      return this.#leases.add(own.lease);
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
      this.#worker.launch(held);
    }
  }

  /** Stops fetching; the next process resumes. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#worker.stop();
  }
}
