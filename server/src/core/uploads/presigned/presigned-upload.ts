import type { Caller } from '../../access/access.ts';
import { toJson } from '../../bytes.ts';
import { dayMs } from '../../clock.ts';
import { isUnspecificType } from '../../content-type/declared-type.ts';
import { essenceOf } from '../../content-type/media-types.ts';
import { fail, isStowageError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { NewJob, Upload } from '../../metadata.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import type { IntakeResult } from '../../storage/intake.ts';
import { uuidv7 } from '../../uuid.ts';
import { newUpload } from '../new-upload.ts';
import { chooseTarget } from './choose-target.ts';
import { completeUpload } from './complete-upload.ts';
import {
  abortPresign,
  asReceived,
  type PresignedDetails,
  presignedDetails,
  type Received,
  readableDetails,
  salvagedDetails,
} from './presigned-details.ts';
import type {
  Media,
  PresignedUploadOptions,
  PresignRequest,
  ReceiveRequest,
  StartedUpload,
} from './presigned-types.ts';

/**
 * Uploads live on after their URL so that a slow transfer can finish and a late `complete` is not
 * punished.
 */
export const uploadGraceMs = dayMs;

type Ready = Media & { readonly state: 'ready' };

export interface PresignedUploads {
  start(request: PresignRequest, caller: Caller): Promise<StartedUpload>;
  /**
   * Takes the bytes of an upload from the relay. The last complete transfer before `complete` wins.
   */
  receive(request: ReceiveRequest): Promise<Received>;
  /** Idempotent; two at once get the same answer. */
  complete(id: string, caller: Caller): Promise<Ready>;
  find(id: string): Promise<Media | undefined>;
  listPending(query: {
    readonly state: 'uploading' | 'failed';
    readonly category?: 'image' | 'video' | 'document' | undefined;
    readonly limit: number;
    readonly offset: number;
  }): Promise<{
    readonly items: readonly Media[];
    readonly total: number;
  }>;
  /**
   * Cancels an unfinished upload: running transfers stop, its bytes are removed. False when there
   * is none.
   */
  cancel(id: string): Promise<boolean>;
  /** Removes what is past its time. */
  removeExpired(upload: Upload): Promise<boolean>;
}

export function createPresignedUploads(options: PresignedUploadOptions): PresignedUploads {
  const { metadata, pool, intake, files, access, openUploads, now, log } = options;
  const { uploads } = metadata;
  // Nodes whose clocks differ a little agree.
  const clockToleranceMs = Math.min(15_000, (options.urlTtlSeconds * 1000) / 60);
  const writers = new Map<string, Set<AbortController>>();
  const completing = new Map<string, Promise<Ready>>();

  const receivable = async (
    request: ReceiveRequest,
  ): Promise<{ upload: Upload; details: PresignedDetails }> => {
    const upload = await uploads.get(request.id);
    if (upload === undefined || upload.kind !== 'presigned' || upload.state === 'aborted') {
      throw fail('not_found', { message: 'Media not found.' });
    }
    if (upload.state === 'done') {
      throw fail('already_completed');
    }
    const details = presignedDetails(upload);
    if (request.startedAt > details.urlExpiresAt + clockToleranceMs) {
      throw fail('upload_url_expired');
    }
    await requireOwner(upload);
    checkAbsent(request, details);
    checkDeclared(request, details);
    return { upload, details };
  };

  const requireOwner = async ({ owner }: Upload): Promise<void> => {
    if (await access.mayUpload(owner)) {
      return;
    }
    throw fail('invalid_signature', {
      message: 'The API key of this upload was revoked, has expired or may no longer upload.',
    });
  };

  const accept = async (
    request: ReceiveRequest,
    received: Received,
    cleared: readonly string[],
  ): Promise<void> => {
    const { id } = request;
    for (;;) {
      const upload = await uploads.get(id);
      if (upload === undefined || upload.state === 'aborted') {
        throw fail('not_found', { message: 'Media not found.' });
      }
      if (upload.state === 'done') {
        throw fail('already_completed');
      }
      await requireOwner(upload);
      const details = presignedDetails(upload);
      checkAbsent(request, details);
      // What was kept for it is its own; a failed one keeps nothing any more.
      const kept = upload.state === 'open' ? upload.expectedBytes : 0;
      await pool.requireRoom(upload.channelId, received.size - kept);
      const patch = {
        state: 'open',
        storageId: received.storageId,
        expectedBytes: received.size,
        details: toJson({ ...details, received, error: null, refused: null }),
      } as const;
      const replaced = removalOf(details.received, now());
      if (
        (await uploads.update(id, upload.version, patch, { adds: replaced, clears: cleared })) !==
        undefined
      ) {
        return;
      }
    }
  };

  const remove = async (upload: Upload): Promise<boolean> => {
    for (const writer of writers.get(upload.id) ?? []) {
      writer.abort(fail('not_found', { message: 'The upload was cancelled.' }));
    }
    const details = readableDetails(upload) ?? salvagedDetails(upload);
    const jobs =
      upload.state === 'done'
        ? []
        : [...removalOf(details.received, now()), ...abortPresign(upload, details, now())];
    return uploads.remove(upload.id, upload.version, jobs);
  };

  const findReady = async (id: string): Promise<Ready | undefined> => {
    const stored = await files.get(id);
    if (stored === undefined) {
      return undefined;
    }
    await metadata.settled();
    return { state: 'ready', stored, warnings: [] };
  };

  return {
    async start(request, caller) {
      await openUploads.admit(caller.owner);
      const id = uuidv7(now());
      const { channel, target, key } = await chooseTarget({
        request,
        channels: await pool.forCategory(request.category, request.size ?? 0),
        options,
      });
      const details: PresignedDetails = {
        ...pick(request),
        urlExpiresAt: target?.expiresAt ?? now() + options.urlTtlSeconds * 1000,
        presign: target === undefined ? null : { key, state: target.state },
      };
      const upload = newUpload({
        id,
        kind: 'presigned',
        owner: caller.owner,
        channelId: channel.id,
        details,
        read: presignedDetails,
        category: details.category,
        expectedBytes: details.declaredSize ?? 0,
        createdAt: now(),
        expiresAt: details.urlExpiresAt + uploadGraceMs,
      });
      await openUploads.begin(upload, request.ip);
      return { upload, details, channel, target };
    },

    async receive(request) {
      const writer = new AbortController();
      const own = writers.get(request.id) ?? new Set();
      writers.set(request.id, own.add(writer));
      try {
        const { upload, details } = await receivable(request);
        const result = await intake.store({
          source: request.source,
          filename: details.filename,
          declaredType: details.contentType,
          size: request.size,
          candidates: [{ group: '', channel: pool.byId(upload.channelId) }],
          expected: {
            ...request.expected,
            ...(details.sha256 !== null && { sha256: details.sha256 }),
          },
          signal: AbortSignal.any([request.signal, writer.signal]),
        });
        return await keep(result, (received) => accept(request, received, result.pendingCleanup));
      } finally {
        own.delete(writer);
        if (own.size === 0) {
          writers.delete(request.id);
        }
      }
    },

    complete(id, caller) {
      const key = `${id} ${caller.owner}`;
      const begin = (): Promise<Ready> => {
        const own = completeUpload({ id, caller, options }).finally(() => completing.delete(key));
        completing.set(key, own);
        return own;
      };
      const under = completing.get(key);
      // Concurrent calls wait for the one answer. If it is a failure, it may have looked before
      // this caller's bytes arrived, so they try again.
      return under === undefined
        ? begin()
        : under.catch((error) => (completing.get(key) ?? begin()).catch(unlessStill(error)));
    },

    async find(id) {
      const ready = await findReady(id);
      if (ready !== undefined) {
        return ready;
      }
      const upload = await uploads.get(id);
      // It may have become a file since we looked for one.
      if (upload?.state === 'done') {
        return findReady(id);
      }
      return upload === undefined ? undefined : pendingMedia(upload, log);
    },

    async listPending({ state, category, limit, offset }) {
      const states = [state === 'failed' ? 'failed' : 'open'] as const;
      const { items, total } = await uploads.list({
        kinds: ['presigned', 'import'],
        states,
        limit,
        offset,
        category,
      });
      return {
        items: items
          .map((upload) => pendingMedia(upload, log))
          .filter((media) => media !== undefined),
        total,
      };
    },

    async cancel(id) {
      for (;;) {
        const upload = await uploads.get(id);
        if (
          upload === undefined ||
          upload.kind === 'chunked' ||
          upload.kind === 'direct' ||
          upload.state === 'done'
        ) {
          return false;
        }
        if (await remove(upload)) {
          return true;
        }
      }
    },

    removeExpired: remove,
  };

  /** Stored bytes that do not make it into the upload's row are removed. */
  async function keep(
    result: IntakeResult,
    commit: (received: Received) => Promise<void>,
  ): Promise<Received> {
    const received = asReceived(result);
    try {
      await commit(received);
    } catch (error) {
      await intake.discard(result, error);
      throw error;
    }
    await intake.settle(result);
    return received;
  }
}

/** What failed for the caller at once has not failed before: both get the same answer. */
function unlessStill(error: unknown): (again: unknown) => never {
  return (again) => {
    throw isStowageError(again, 'media_failed') && again.message === (error as Error).message
      ? error
      : again;
  };
}

/** Undefined for uploads that are not media (any more). */
function pendingMedia(upload: Upload, log: Log): Media | undefined {
  if (upload.kind !== 'presigned' && upload.kind !== 'import') {
    return undefined;
  }
  if (upload.state === 'done' || upload.state === 'aborted') {
    return undefined;
  }
  const details = readableDetails(upload);
  if (details === undefined) {
    log.warn(
      { upload: upload.id },
      'Could not read the record of an upload; it shows as failed until it is deleted or expires',
    );
    return { state: 'failed', upload, details: salvagedDetails(upload) };
  }
  return { state: upload.state === 'failed' ? 'failed' : 'uploading', upload, details };
}

/** Jobs that remove received bytes that are no longer needed. */
export function removalOf(received: Received | null, at: number): readonly NewJob[] {
  return received === null
    ? []
    : received.segments.map((segment) => deleteObjectJob(received.channelId, segment, at));
}

function checkAbsent({ unless = [] }: ReceiveRequest, { received }: PresignedDetails): void {
  if (received === null) {
    return;
  }
  if (unless === '*' || unless.includes(received.hash)) {
    throw fail('precondition_failed');
  }
}

function checkDeclared({ contentType, size }: ReceiveRequest, details: PresignedDetails): void {
  if (size !== undefined && size > details.maxBytes) {
    throw fail('too_large', { details: { maxBytes: details.maxBytes } });
  }
  if (isUnspecificType(contentType)) {
    return;
  }
  const given = essenceOf(contentType) ?? contentType;
  // Heic and heif are two names of one family.
  if (
    given?.replace('image/heif', 'image/heic') ===
    details.contentType.replace('image/heif', 'image/heic')
  ) {
    return;
  }
  throw fail('content_type_mismatch', {
    status: 415,
    message: `This URL is for ${details.contentType}, but the request says ${given}.`,
    details: { declared: details.contentType, received: given },
  });
}

function pick(request: PresignRequest): Omit<PresignedDetails, 'urlExpiresAt' | 'presign'> {
  const { size, direct: _, ...rest } = request;
  return {
    ...rest,
    declaredSize: size,
    received: null,
    error: null,
    refused: null,
    sourceUrl: null,
  };
}
