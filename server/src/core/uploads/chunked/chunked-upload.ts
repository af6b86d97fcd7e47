import { randomBytes } from 'node:crypto';
import { type Caller, isShared } from '../../access/access.ts';
import { toJson } from '../../bytes.ts';
import { hourMs } from '../../clock.ts';
import { fail } from '../../errors.ts';
import type { NewJob, Upload, UploadPart } from '../../metadata.ts';
import type { Candidate, Choice, ConfiguredChannel } from '../../storage/channel-pool.ts';
import { abortMultipartJob, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { uuidv7 } from '../../uuid.ts';
import { newUpload } from '../new-upload.ts';
import {
  type ChunkedDetails,
  chunkedDetails,
  type NamingOptions,
  nativeOf,
  withNaming,
} from './chunked-details.ts';
import {
  type ChunkedInit,
  ChunkedRefusal,
  type ChunkedStatus,
  type ChunkedStep,
  type ChunkedUploadOptions,
  type ChunkPut,
  type Merged,
  noSession,
} from './chunked-types.ts';
import { createInFlight } from './in-flight.ts';
import { mergeChunks } from './merge-chunks.ts';
import { reclaimNative } from './native-object.ts';
import { storeChunk } from './store-chunk.ts';

/** Upload API 2: these take chunks wherever they are configured. */
const chunkGroups: readonly string[] = ['telegram', 'cfr2', 's3', 'discord', 'local'];
const mergeLimitMs = hourMs;

/**
 * Upload API 2: parts in any order, in parallel, repeatable, on any node; merge when all are in.
 */
export interface ChunkedUploads {
  init(input: ChunkedInit, caller: Caller): Promise<Upload>;
  /** Resolves when the chunk is stored for good. */
  put(input: ChunkPut, caller: Caller): Promise<void>;
  /**
   * Idempotent for a day; a failed merge loses nothing. Goes to its end although the caller hangs
   * up: others may wait for it.
   */
  merge(input: ChunkedStep, caller: Caller): Promise<Merged>;
  status(uploadId: string, caller: Caller): Promise<ChunkedStatus>;
  /**
   * Gives the upload up and removes its parts. Unknown ids, and other callers' uploads, change
   * nothing.
   */
  cleanup(uploadId: string, caller: Caller): Promise<void>;
  removeExpired(upload: Upload): Promise<boolean>;
  /** Removes what this node keeps of chunks whose upload has ended, here or on another node. */
  sweepKept(): Promise<void>;
}

export function createChunkedUploads(options: ChunkedUploadOptions): ChunkedUploads {
  const { metadata, pool, now, ttlMs } = options;
  const { uploads } = metadata;
  const inFlight = createInFlight();
  const merging = new Map<string, Promise<Merged>>();

  const session = async (uploadId: string, caller: Caller): Promise<Upload> => {
    const upload = await uploads.get(uploadId);
    if (
      upload === undefined ||
      upload.kind !== 'chunked' ||
      !mayContinue(upload, caller) ||
      upload.state === 'aborted'
    ) {
      throw noSession();
    }
    if (upload.expiresAt < now()) {
      throw new ChunkedRefusal('expired', 'Upload session expired');
    }
    return upload;
  };
  const sessionOf = async (step: ChunkedStep, caller: Caller): Promise<Upload> => {
    const upload = await session(step.uploadId, caller);
    const { filename, totalChunks } = chunkedDetails(upload);
    if (step.filename !== filename || step.totalChunks !== totalChunks) {
      throw new ChunkedRefusal('mismatch', 'Session parameters mismatch');
    }
    return upload;
  };
  /**
   * Applies wishes; when several requests change the upload at the same time, any of them may be
   * the latest.
   */
  const applyNaming = async (upload: Upload, wishes: NamingOptions): Promise<Upload> => {
    let current: Upload | undefined = upload;
    while (current !== undefined && current.state === 'open') {
      const known = chunkedDetails(current);
      const next = withNaming(known, wishes);
      if (next === known) {
        return current;
      }
      const updated = await uploads.update(current.id, current.version, { details: toJson(next) });
      if (updated !== undefined) {
        return updated;
      }
      current = await uploads.get(upload.id);
    }
    return current ?? upload;
  };
  const removeWithParts = async (upload: Upload): Promise<boolean> => {
    const channel = pool.all().find(({ id }) => id === upload.channelId);
    const parts = upload.state === 'done' ? [] : await uploads.parts(upload.id);
    const jobs =
      upload.state === 'done'
        ? []
        : [...cleanupJobs(upload, parts, now()), ...reclaimNative(upload, channel, now())];
    return uploads.remove(upload.id, upload.version, jobs);
  };

  return {
    async init(input, caller) {
      if (
        !Number.isSafeInteger(input.totalChunks) ||
        input.totalChunks < 1 ||
        input.totalChunks > options.maxChunks
      ) {
        throw new ChunkedRefusal(
          'bad_total',
          `totalChunks must be a whole number from 1 to ${options.maxChunks}`,
        );
      }
      const channel = chooseChunkable(await pool.candidates(input.choice), input.choice);
      const upload = begin({ input, caller, channel, at: now(), ttlMs });
      await options.openUploads.begin(upload, input.ip);
      return upload;
    },

    async put(input, caller) {
      const upload = await sessionOf(input, caller);
      if (upload.state === 'done') {
        throw noSession();
      }
      if (
        !Number.isSafeInteger(input.index) ||
        input.index < 0 ||
        input.index >= input.totalChunks
      ) {
        throw new ChunkedRefusal(
          'bad_index',
          `chunkIndex must be a whole number from 0 to ${input.totalChunks - 1}`,
        );
      }
      const current = await applyNaming(upload, input);
      await inFlight.run(upload.id, () =>
        storeChunk({ input, upload: current, options, inFlight, sender: caller.owner }),
      );
    },

    async merge(input, caller) {
      const upload = await sessionOf(input, caller);
      const running =
        merging.get(upload.id) ??
        mergeChunks({
          upload,
          wishes: input,
          caller,
          options,
          inFlight,
          signal: AbortSignal.timeout(mergeLimitMs),
        }).finally(() => merging.delete(upload.id));
      merging.set(upload.id, running);
      return running;
    },

    async status(uploadId, caller) {
      const upload = await session(uploadId, caller);
      const parts = await uploads.parts(uploadId);
      const fileId = (upload.result as { fileId?: string } | null)?.fileId;
      return {
        upload,
        details: chunkedDetails(upload),
        stored: parts.filter((part) => part.state === 'stored').map((part) => part.index),
        file: fileId === undefined ? undefined : await options.files.get(fileId),
      };
    },

    async cleanup(uploadId, caller) {
      for (;;) {
        const upload = await uploads.get(uploadId);
        if (upload === undefined || upload.kind !== 'chunked' || !mayContinue(upload, caller)) {
          return;
        }
        if (await removeWithParts(upload)) {
          return options.kept.dropUpload(upload.id);
        }
      }
    },

    removeExpired: removeWithParts,

    sweepKept: () =>
      options.kept.sweep(async (uploadId) => (await uploads.get(uploadId))?.state === 'open'),
  };
}

/** Upload API 2.1: what was begun with the upload code may be continued with a token. */
function mayContinue({ owner }: Upload, caller: Caller): boolean {
  return owner === caller.owner || isShared(owner);
}

function chooseChunkable(
  candidates: readonly Candidate[],
  { group, exact }: Choice,
): ConfiguredChannel {
  const [first] = candidates
    .map(({ channel }) => channel)
    .filter((channel) => channel !== undefined);
  // A group that could not take chunks even if it existed is never replaced by another channel.
  if (group !== undefined && first?.group !== group && !chunkGroups.includes(group)) {
    throw new ChunkedRefusal('unsupported_channel', group);
  }
  if (first === undefined && exact && group !== undefined) {
    throw new ChunkedRefusal('no_channel', group);
  }
  if (first === undefined) {
    throw fail('service_unavailable', { message: 'No storage channel is available' });
  }
  if (!takesChunks(first)) {
    throw new ChunkedRefusal('unsupported_channel', first.group);
  }
  return first;
}

/**
 * Chunks become parts of a native multipart upload, or objects that the file is read from one after
 * the other.
 */
function takesChunks({ channel }: ConfiguredChannel): boolean {
  return channel.multipart !== undefined || channel.limits.segment !== undefined || !channel.remote;
}

interface Beginning {
  readonly input: ChunkedInit;
  readonly caller: Caller;
  readonly channel: ConfiguredChannel;
  readonly at: number;
  readonly ttlMs: number;
}

function begin({ input, caller, channel, at, ttlMs }: Beginning): Upload {
  const details: ChunkedDetails = {
    filename: input.filename,
    contentType: input.contentType,
    totalChunks: input.totalChunks,
    ip: input.ip,
    folder: input.folder ?? null,
    nameMode: input.nameMode ?? null,
    fullUrl: input.fullUrl ?? null,
    native: channel.channel.multipart === undefined ? false : null,
    storageId: uuidv7(at),
  };
  // Upload API 2.1: upload_<ms>_<random>; the random part is what makes it unguessable.
  const id = `upload_${at}_${randomBytes(16).toString('hex')}`;
  return newUpload({
    id,
    kind: 'chunked',
    owner: caller.owner,
    channelId: channel.id,
    details,
    read: chunkedDetails,
    createdAt: at,
    expiresAt: at + ttlMs,
  });
}

function cleanupJobs(upload: Upload, parts: readonly UploadPart[], at: number): readonly NewJob[] {
  const native = nativeOf(upload);
  const objects = parts.flatMap((part) =>
    part.segments.map((segment) => deleteObjectJob(upload.channelId, segment, at)),
  );
  if (!native) {
    return objects;
  }
  return [...objects, abortMultipartJob(upload.channelId, native.state, at)];
}
