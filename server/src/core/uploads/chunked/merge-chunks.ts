import type { Caller } from '../../access/access.ts';
import type { Channel } from '../../channel.ts';
import { dayMs } from '../../clock.ts';
import { startsAsUtf8, withCharset } from '../../content-type/charset.ts';
import { sniff } from '../../content-type/sniff.ts';
import { fail, isStowageError } from '../../errors.ts';
import { wait } from '../../guard/wait.ts';
import type { FileToAdd } from '../../library/files.ts';
import type { Segment, Upload, UploadPart } from '../../metadata.ts';
import { displayName, isGivenOnce, nameCandidates } from '../../naming/file-id.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { openReplica } from '../../storage/read-content.ts';
import { joinSegments, type StoredObjects } from '../../storage/store-objects.ts';
import { hashOfParts } from '../../streams/hash.ts';
import { readAll } from '../../streams/peek.ts';
import { uuidv7 } from '../../uuid.ts';
import { type ChunkedDetails, chunkedDetails, type NamingOptions } from './chunked-details.ts';
import { type ChunkedUploadOptions, type Merged, noSession } from './chunked-types.ts';
import type { InFlight } from './in-flight.ts';
import { joinLastChunk } from './join-last-chunk.ts';
import { reclaimNative } from './native-object.ts';
import { storeKeptChunks } from './store-kept-chunks.ts';

export interface MergeRequest {
  readonly upload: Upload;
  readonly wishes: NamingOptions;
  readonly caller: Caller;
  readonly options: ChunkedUploadOptions;
  readonly inFlight: InFlight;
  readonly signal: AbortSignal;
}

const pollMs = 100;
const maxWaitMs = 60_000;
const rememberMs = dayMs;
const maxRounds = 8;
/** For the type 8 KiB would do; a charset shows later. */
const sniffBytes = 64 * 1024;

/**
 * Verifies that every part is in and makes them a file. Repeated merges get the file of the first;
 * a merge that fails changes nothing.
 */
export async function mergeChunks(request: MergeRequest): Promise<Merged> {
  const { options } = request;
  for (let round = 0; round < maxRounds; round++) {
    const upload = await options.metadata.uploads.get(request.upload.id);
    if (upload === undefined) {
      throw noSession();
    }
    if (upload.state === 'done') {
      return mergedBefore(upload, options);
    }
    const parts = await completeParts(request, upload);
    // A chunk that came in meanwhile may have begun the store's own upload, or this merge by
    // storing a kept one.
    if ((await options.metadata.uploads.get(upload.id))?.version !== upload.version) {
      continue;
    }
    const merged = await join(request, upload, parts).catch(unlessChanged(upload, options));
    if (merged === undefined) {
      continue;
    }
    await options.kept.dropUpload(upload.id);
    return merged;
  }
  throw fail('conflict', { message: 'chunks keep being replaced while they are merged' });
}

/** Undefined when the parts have to be looked at again. */
async function join(
  request: MergeRequest,
  upload: Upload,
  parts: readonly UploadPart[],
): Promise<Merged | undefined> {
  const channel = request.options.pool.byId(upload.channelId);
  return (await joinLastChunk({ ...request, upload, parts, channel }))
    ? undefined
    : makeFile(request, upload, parts);
}

/**
 * What failed with parts that were replaced meanwhile, or with an upload that has ended, is of no
 * interest any more: look again.
 */
function unlessChanged(
  { id, version }: Upload,
  { metadata }: ChunkedUploadOptions,
): (error: unknown) => Promise<undefined> {
  return async (error) => {
    const isRefused = isStowageError(error, 'unauthorized') || isStowageError(error, 'too_large');
    if (isRefused || (await metadata.uploads.get(id))?.version === version) {
      throw error;
    }
    return undefined;
  };
}

async function mergedBefore(
  upload: Upload,
  { files, metadata }: ChunkedUploadOptions,
): Promise<Merged> {
  const { fileId, fullUrl } = upload.result as { fileId: string; fullUrl: boolean };
  const stored = await files.get(fileId);
  if (stored === undefined) {
    throw noSession();
  }
  // The merge that did it may have failed at the very end, on its way to the disk.
  await metadata.settled();
  return { stored, fullUrl };
}

/** All parts, after waiting for those that are still coming in, here or on another node. */
async function completeParts(
  request: MergeRequest,
  upload: Upload,
): Promise<readonly UploadPart[]> {
  const { options, inFlight, signal } = request;
  const { totalChunks } = chunkedDetails(upload);
  let isRetried = false;
  const giveUpAt = options.now() + maxWaitMs;
  for (;;) {
    const receiving = inFlight.has(upload.id);
    const parts = await options.metadata.uploads.parts(upload.id);
    const stored = parts.filter((part) => part.state === 'stored');
    if (stored.length === totalChunks) {
      return stored;
    }
    const coming =
      receiving ||
      parts.some((part) => part.state === 'pending' && part.updatedAt > options.now() - maxWaitMs);
    if (coming && options.now() <= giveUpAt) {
      await wait(pollMs, signal);
    } else if (isRetried || !(await storeKeptChunks({ ...request, upload, stored }))) {
      throw (await options.metadata.uploads.get(upload.id)) === undefined
        ? noSession()
        : incomplete(stored, totalChunks);
    } else {
      isRetried = true;
    }
  }
}

function incomplete(stored: readonly UploadPart[], totalChunks: number): Error {
  const have = new Set(stored.map((part) => part.index));
  const missing = Array.from({ length: totalChunks }, (_, index) => index).filter(
    (index) => !have.has(index),
  );
  const status = JSON.stringify({ completed: stored.length, missing: missing.length });
  const named = `${missing.slice(0, 20).join(', ')}${missing.length > 20 ? ', ...' : ''}`;
  // Upload API 2.4: clients see the count and the status; the indexes tell what to send again.
  return fail('chunks_missing', {
    message: `Only ${stored.length}/${totalChunks} chunks completed successfully. Final status: ${status}. Missing chunks: ${named}. The upload is kept: send them and merge again`,
    details: { missing },
  });
}

/** Undefined when a part was replaced meanwhile: then all is looked at again. */
async function makeFile(
  request: MergeRequest,
  upload: Upload,
  parts: readonly UploadPart[],
): Promise<Merged | undefined> {
  const { options, wishes, caller } = request;
  const details = chunkedDetails(upload);
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  if (total > options.maxUploadBytes) {
    throw fail('too_large', { details: { maxBytes: options.maxUploadBytes } });
  }
  const channel = options.pool.byId(upload.channelId);
  const objects = joinSegments(await collectSegments({ request, channel, details, parts }));
  const contentType = await sniffObjects(request, channel, details, objects);
  const fullUrl = wishes.fullUrl ?? details.fullUrl ?? false;
  const mode = wishes.nameMode ?? details.nameMode ?? 'default';
  const id = uuidv7(options.now());
  const file: FileToAdd = {
    id,
    bytes: {
      ...objects,
      storageId: details.native ? details.storageId : uuidv7(options.now()),
      channel,
      sha256: null,
      pendingCleanup: [],
    },
    filename: displayName(details.filename),
    contentType,
    path: nameCandidates({
      mode,
      filename: details.filename,
      contentType,
      folder: wishes.folder ?? details.folder ?? '',
    }),
    givenOnce: isGivenOnce(mode),
    uploader: caller.token?.id ?? null,
    promisedTo: caller.owner,
    ip: details.ip,
    upload: { id: upload.id, version: upload.version, result: { fileId: id, fullUrl } },
  };
  const stored = await options.files.add(file).catch(async (error: unknown) => {
    if (isStowageError(error, 'unauthorized')) {
      await giveUp(upload, objects, options);
    }
    throw error;
  });
  if (stored === undefined) {
    await removeIfGivenUp(upload, channel, options);
    return undefined;
  }
  // Only how long the answer is remembered: without it, as long as the upload would have been.
  await options.metadata.uploads
    .update(upload.id, upload.version + 1, { expiresAt: options.now() + rememberMs })
    .catch(() => undefined);
  return { stored, fullUrl };
}

/**
 * When the upload was given up while the store finished its object, the job that gave it up may
 * have come too early.
 */
async function removeIfGivenUp(
  upload: Upload,
  channel: ConfiguredChannel,
  { metadata, now }: ChunkedUploadOptions,
): Promise<void> {
  if ((await metadata.uploads.get(upload.id)) === undefined) {
    await metadata.jobs.add(reclaimNative(upload, channel, now()));
  }
}

/** The caller may not upload any more: nothing of it stays. */
async function giveUp(
  { id, version, channelId }: Upload,
  { segments }: StoredObjects,
  options: ChunkedUploadOptions,
): Promise<void> {
  const jobs = segments.map((segment) => deleteObjectJob(channelId, segment, options.now()));
  await options.metadata.uploads.remove(id, version, jobs);
}

interface Collecting {
  readonly request: MergeRequest;
  readonly channel: ConfiguredChannel;
  readonly details: ChunkedDetails;
  readonly parts: readonly UploadPart[];
}

/**
 * Parts that are objects stay as they are; native ones become one object where the first of them
 * stands.
 */
async function collectSegments(collecting: Collecting): Promise<readonly Segment[]> {
  const { parts } = collecting;
  const native = parts.filter((part) => part.native !== null);
  const [first] = native;
  if (first === undefined) {
    return parts.flatMap((part) => part.segments);
  }
  const object = await finishNative(collecting, native);
  return parts.flatMap((part) => (part === first ? [object] : part.segments));
}

async function finishNative(
  { request, channel, details }: Collecting,
  native: readonly UploadPart[],
): Promise<Segment> {
  const { multipart } = channel.channel;
  if (!multipart || !details.native) {
    throw fail('service_unavailable', {
      message: 'The storage channel can no longer finish this upload',
    });
  }
  const numbered = native.map((part) => ({
    number: part.index + 1,
    part: part.native,
    size: part.size,
  }));
  const put = await multipart.finish(details.native.state, numbered, { signal: request.signal });
  return { ref: put.ref, size: put.size, hash: hashOfParts(native.map((part) => part.hash)) };
}

async function sniffObjects(
  request: MergeRequest,
  { channel }: ConfiguredChannel,
  details: ChunkedDetails,
  objects: StoredObjects,
): Promise<string> {
  const head = objects.size === 0 ? new Uint8Array(0) : await readHead(request, channel, objects);
  const sniffed = await sniff(head, { filename: details.filename, declared: details.contentType });
  return withCharset(sniffed.contentType, details.contentType, startsAsUtf8(head, objects.size));
}

async function readHead(
  { signal }: MergeRequest,
  channel: Channel,
  objects: StoredObjects,
): Promise<Uint8Array> {
  const range = { start: 0, end: Math.min(sniffBytes, objects.size) - 1 };
  const { stream } = await openReplica(channel, objects, { range, signal });
  return readAll(stream);
}
