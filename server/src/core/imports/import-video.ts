import type { Caller } from '../access/access.ts';
import { toJson } from '../bytes.ts';
import { dayMs } from '../clock.ts';
import { fail, StowageError } from '../errors.ts';
import { createFairPlaces } from '../guard/fair-places.ts';
import type { JobHandler } from '../jobs/job-runner.ts';
import type { Upload } from '../metadata.ts';
import { newUpload } from '../uploads/new-upload.ts';
import {
  asReceived,
  type PresignedDetails,
  presignedDetails,
} from '../uploads/presigned/presigned-details.ts';
import { uuidv7 } from '../uuid.ts';
import { fetchVideo, mayGoBetter } from './fetch-video.ts';
import {
  advance,
  giveUp,
  type HeldImport,
  importJob,
  leaseJob,
  readLease,
} from './import-lease.ts';
import { nameInUrl, withExtension } from './import-name.ts';
import type { ImportCaller, ImportOptions, ImportRequest, PendingMedia } from './import-types.ts';

export interface VideoImports {
  start(request: ImportRequest, caller: ImportCaller): Promise<PendingMedia>;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  stop(): Promise<void>;
}

interface Running {
  readonly held: HeldImport;
  readonly stop: AbortController;
  ended: Promise<void>;
}

const maxAttempts = 4;
const maxAtOnce = 6;
const maxAtOncePerOwner = 2;
const contentType = 'video/mp4';

/** The process is shutting down: another one resumes. */
const stopped = Symbol('stopped');
/** Cancelled, finished or resumed by another process. */
const lost = Symbol('lost');

/**
 * Videos are fetched by the process that was asked, under a lease it keeps renewing. The lease is a
 * job: when the process dies it comes due, and the process that runs it resumes the import. The
 * row's version locks the previous one out.
 */
export function createVideoImports(options: ImportOptions): VideoImports {
  const {
    metadata,
    access,
    openUploads,
    presigned,
    intake,
    now,
    log,
    leaseMs = 15_000,
    retryMs = 2000,
  } = options;
  const { uploads, jobs } = metadata;
  const places = createFairPlaces({ total: maxAtOnce, perOwner: maxAtOncePerOwner });
  const running = new Map<string, Running>();
  let stopping = false;

  const checkOwner = async ({ owner }: Upload): Promise<void> => {
    if (!(await access.mayUpload(owner))) {
      throw fail('unauthorized', {
        message: 'The API key of this import was revoked or has expired.',
      });
    }
  };

  const receive = async (held: HeldImport, signal: AbortSignal): Promise<void> => {
    const details = presignedDetails(held.upload);
    if (details.received !== null) {
      return;
    }
    const stored = await fetchVideo(details, options, signal);
    const received = asReceived(stored);
    const patch = {
      storageId: received.storageId,
      expectedBytes: received.size,
      details: toJson({ ...details, received }),
    };
    const next = {
      attempt: held.attempt + 1,
      runAt: now() + leaseMs,
      clears: stored.pendingCleanup,
    };
    try {
      if (!(await advance(held, { patch, ...next }, metadata))) {
        throw fail('conflict');
      }
    } catch (error) {
      await intake.discard(stored, error);
      throw error;
    }
    await intake.settle(stored);
  };

  const work = async ({ held, stop }: Running): Promise<void> => {
    const release = await places.acquire(held.upload.owner, stop.signal);
    try {
      await checkOwner(held.upload);
      await receive(held, stop.signal);
      await presigned.complete(held.upload.id, ownerOf(held.upload));
      await jobs.done([held.lease.id]);
    } finally {
      release();
    }
  };

  const settle = async ({ held, stop }: Running, thrown: unknown): Promise<void> => {
    const error = stop.signal.aborted ? stop.signal.reason : thrown;
    const { attempt } = held;
    if (error === lost) {
      return jobs.done([held.lease.id]);
    }
    if (error === stopped) {
      return release(held, attempt, 0);
    }
    log.warn({ media: held.upload.id, attempt, err: error }, 'Video import failed');
    if (mayGoBetter(error) && attempt < maxAttempts) {
      return release(held, attempt + 1, retryMs * 2 ** (attempt - 1));
    }
    await giveUp(held, error instanceof StowageError ? error : fail('internal_error'), {
      metadata,
      at: now(),
    });
  };

  /** Leaves the next try to the job runner that comes first. */
  const release = async (held: HeldImport, attempt: number, waitMs: number): Promise<void> => {
    const step = { patch: {}, attempt, runAt: now() + waitMs };
    if (!(await advance(held, step, metadata))) {
      await jobs.done([held.lease.id]);
    }
  };

  const renew = async ({ held, stop }: Running): Promise<void> => {
    const seen = await uploads.get(held.upload.id);
    if (seen?.state !== 'open') {
      return stop.abort(lost);
    }
    await checkOwner(seen).catch((error: unknown) => stop.abort(error));
    await jobs.retry(held.lease.id, now() + leaseMs, 'The import is under way.');
  };

  const run = async (import_: Running): Promise<void> => {
    let renewing = Promise.resolve();
    const warn = (error: unknown): void =>
      log.warn({ err: error }, 'Could not renew the lease of an import');
    const beat = setInterval(
      () => (renewing = renewing.then(() => renew(import_)).catch(warn)),
      leaseMs / 3,
    );
    try {
      await work(import_).catch((error: unknown) => settle(import_, error));
    } catch (error) {
      // The lease comes due and the import is taken up again.
      log.error(
        { err: error },
        'A video import stopped unexpectedly; it resumes when its lease expires',
      );
    } finally {
      clearInterval(beat);
      await renewing;
      running.delete(import_.held.upload.id);
    }
  };

  const launch = (held: HeldImport): void => {
    const import_: Running = { held, stop: new AbortController(), ended: Promise.resolve() };
    running.set(held.upload.id, import_);
    import_.ended = run(import_);
  };

  const takeUp: JobHandler = async (json) => {
    if (stopping) {
      throw fail('service_unavailable');
    }
    const { uploadId, version, attempt } = readLease(json);
    const lease = (of: number, next: number) =>
      leaseJob({ uploadId, version: of, attempt: next }, now() + leaseMs);
    const own = running.get(uploadId);
    if (own !== undefined && own.held.upload.version === version) {
      // A stall or a jump of the clock made our own lease come due.
      own.held.lease = lease(version, attempt);
      return jobs.add([own.held.lease]);
    }
    const upload = await uploads.get(uploadId);
    if (upload?.version !== version || upload.state !== 'open') {
      return;
    }
    const held: HeldImport = { upload, lease: lease(version + 1, attempt + 1), attempt };
    if (attempt > maxAttempts) {
      return giveUp(held, fail('internal_error'), { metadata, at: now() });
    }
    const taken = await uploads.update(uploadId, version, {}, { adds: [held.lease] });
    if (taken !== undefined) {
      launch({ ...held, upload: taken });
    }
  };

  return {
    async start(request, caller) {
      await openUploads.admit(caller.owner);
      const { upload, details } = await newImport({ request, caller, options });
      const lease = leaseJob(
        { uploadId: upload.id, version: upload.version, attempt: 2 },
        now() + leaseMs,
      );
      // The lease first: a row without one would never be taken up.
      await jobs.add([lease]);
      await openUploads.begin(upload, request.ip).catch(async (error: unknown) => {
        await jobs.done([lease.id]);
        throw error;
      });
      if (!stopping) {
        launch({ upload, lease, attempt: 1 });
      }
      return { state: 'uploading', upload, details };
    },
    handlers: { [importJob]: takeUp },
    async stop() {
      stopping = true;
      for (const { stop } of running.values()) {
        stop.abort(stopped);
      }
      await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

interface NewImport {
  readonly request: ImportRequest;
  readonly caller: ImportCaller;
  readonly options: ImportOptions;
}

async function newImport({
  request,
  caller,
  options,
}: NewImport): Promise<{ upload: Upload; details: PresignedDetails }> {
  const at = options.now();
  const [channel] = await options.pool.forCategory('video');
  if (channel === undefined) {
    throw fail('service_unavailable', { message: 'No storage channel takes videos.' });
  }
  const details: PresignedDetails = {
    filename: request.filename ?? withExtension(nameInUrl(request.url), contentType),
    contentType,
    category: 'video',
    declaredSize: null,
    maxBytes: options.maxVideoBytes,
    ...{ sha256: null, width: null, height: null, durationSeconds: null },
    ip: request.ip,
    urlExpiresAt: at,
    ...{ presign: null, received: null, error: null, refused: null },
    sourceUrl: request.url,
  };
  const { id: channelId } = channel;
  const upload = newUpload({
    id: uuidv7(at),
    kind: 'import',
    owner: caller.owner,
    channelId,
    details,
    read: presignedDetails,
    category: details.category,
    createdAt: at,
    expiresAt: at + dayMs,
  });
  return { upload, details };
}

function ownerOf({ owner }: Upload): Caller {
  return { owner, permissions: new Set(['upload']), token: undefined };
}
