import { type ByteSource, type Json, toJson } from '../../bytes.ts';
import type { Multipart } from '../../channel.ts';
import { dayMs } from '../../clock.ts';
import { fail, isStowageError } from '../../errors.ts';
import { uploadRetry, withRetry } from '../../guard/retry.ts';
import type { Segment, Upload, UploadPart } from '../../metadata.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { abortMultipartJob, collectLeftOver, deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { storageKey } from '../../storage/storage-key.ts';
import { locateObjects, storeSpool, storeStream } from '../../storage/store-objects.ts';
import { atMost } from '../../streams/at-most.ts';
import { createHasher } from '../../streams/hash.ts';
import { createSpool, type Spool } from '../../streams/spool.ts';
import { watch } from '../../streams/watch.ts';
import { uuidv7 } from '../../uuid.ts';
import { chunkedDetails } from './chunked-details.ts';
import { type ChunkedUploadOptions, type ChunkPut, noSession } from './chunked-types.ts';
import type { InFlight } from './in-flight.ts';
import { nativeKeyOf } from './native-object.ts';

/** Later than the slowest chunk could end. */
const orphanAfterMs = 7 * dayMs;

interface ChunkJob {
  readonly input: ChunkPut;
  readonly upload: Upload;
  readonly options: ChunkedUploadOptions;
  readonly inFlight: InFlight;
  /** Who sends it: need not be the owner of the upload. */
  readonly sender: string;
  /** The bytes are a copy that was kept of an earlier try. */
  readonly isRetry: boolean;
}

type StoredChunk = Pick<UploadPart, 'size' | 'segments' | 'native' | 'hash'> & {
  /** Clean-up that is void once the chunk is written down. */
  readonly pendingCleanup: readonly string[];
};

/** One try to store a chunk. */
interface Attempt extends ChunkJob {
  readonly storageId: string;
}

/**
 * Streams one chunk to its channel and writes it down; resolves when both are done. What the
 * backend does not take is kept for the merge.
 */
export async function storeChunk(job: Omit<ChunkJob, 'isRetry'>): Promise<void> {
  await storeOnce({ ...job, isRetry: false });
  await job.options.kept.drop(job.upload.id, job.input.index);
}

/** As `storeChunk`, from a copy that was kept and that stays when it fails again. */
export async function storeKeptChunk(job: Omit<ChunkJob, 'isRetry'>): Promise<void> {
  await storeOnce({ ...job, isRetry: true });
  await job.options.kept.drop(job.upload.id, job.input.index);
}

async function storeOnce(job: ChunkJob): Promise<void> {
  const { metadata, now } = job.options;
  const attempt = { ...job, storageId: uuidv7(now()) };
  if (!(await begin(attempt))) {
    throw noSession();
  }
  try {
    await storeBytes({ ...attempt, input: { ...job.input, source: await withinRoom(job) } });
  } catch (error) {
    await metadata.uploads.dropPendingPart(job.upload.id, attempt.storageId);
    throw error;
  }
}

/** Fails as soon as all chunks together have more bytes than a file may have. */
async function withinRoom({ input, upload, options }: ChunkJob): Promise<ByteSource> {
  const { metadata, maxUploadBytes } = options;
  const room = maxUploadBytes - (await metadata.uploads.receivedBytes(upload.id, input.index));
  return atMost(input.source, room, maxUploadBytes);
}

/** Records that this chunk is coming; false when the upload takes no more chunks. */
async function begin({ input, upload, options, storageId }: Attempt): Promise<boolean> {
  const { metadata, now, ttlMs } = options;
  const base = { uploadId: upload.id, index: input.index, storageId, updatedAt: now() };
  const pending: UploadPart = {
    ...base,
    state: 'pending',
    size: 0,
    segments: [],
    native: null,
    hash: '',
  };
  const { outcome } = await metadata.uploads.putPart(pending, now() + ttlMs);
  return outcome !== 'refused';
}

/** Beside the turns of native parts, which are held while one of them is written down. */
const writeTurn = (index: number): number => -2 - index;

/**
 * One at a time per index: tries of one chunk that begin it anew in turns would keep each other
 * from ever ending.
 */
function writeDown(attempt: Attempt, stored: StoredChunk): Promise<void> {
  const { inFlight, upload, input } = attempt;
  return inFlight.inTurn(upload.id, writeTurn(input.index), () => writeInTurn(attempt, stored));
}

async function writeInTurn(
  attempt: Attempt,
  { pendingCleanup, ...stored }: StoredChunk,
): Promise<void> {
  const { input, upload, options, storageId, sender } = attempt;
  const { metadata, pool, intake, access, now, ttlMs, maxUploadBytes } = options;
  const remove = (segments: readonly Segment[]): Promise<void> =>
    metadata.jobs.add(segments.map((segment) => deleteObjectJob(upload.channelId, segment, now())));
  const base = { uploadId: upload.id, index: input.index, storageId, updatedAt: now() };
  const put = async () => {
    // The bytes took their time to come in.
    if (!(await access.mayUpload(sender))) {
      throw fail('unauthorized');
    }
    const limits = { clearsJobs: pendingCleanup, maxBytes: maxUploadBytes };
    return metadata.uploads.putPart({ ...base, ...stored, state: 'stored' }, now() + ttlMs, limits);
  };
  for (;;) {
    const result = await put().catch(async (error: unknown) => {
      // What the caller is refused is removed; after anything else the part may be written down.
      if (isStowageError(error, 'unauthorized') || isStowageError(error, 'too_large')) {
        await remove(stored.segments);
      }
      throw error;
    });
    if (result.outcome !== 'refused') {
      if (result.outcome === 'replaced') {
        await remove(result.part.segments);
      }
      return intake.settle({ channel: pool.byId(upload.channelId), segments: stored.segments });
    }
    // The chunk is being sent once more, which is no reason to refuse what is stored; or the upload
    // has ended.
    if (await begin(attempt)) {
      continue;
    }
    await remove(stored.segments);
    throw noSession();
  }
}

async function storeBytes(attempt: Attempt): Promise<void> {
  const { input, upload, options, storageId } = attempt;
  const channel = options.pool.byId(upload.channelId);
  if (!channel.channel.remote) {
    const { size, segments, hash } = await storeStream(
      channel.channel,
      input.source,
      putOptions(attempt, storageId),
    );
    return writeDown(attempt, { size, segments, hash, native: null, pendingCleanup: [] });
  }
  const spool = createSpool(input.source, options.spoolFolder);
  const stop = (): void => void spool.dispose();
  input.signal.addEventListener('abort', stop, { once: true });
  try {
    await storeRemote({ attempt, channel, spool });
  } catch (error) {
    if (isBackendFailure(error) && !attempt.isRetry) {
      await keep(attempt, spool);
    }
    throw error;
  } finally {
    input.signal.removeEventListener('abort', stop);
    await spool.dispose();
  }
}

/** The circuit breaker's `service_unavailable` stands for a backend that failed before. */
function isBackendFailure(error: unknown): boolean {
  return (
    isStowageError(error) &&
    (error.code.startsWith('channel_') || error.code === 'service_unavailable')
  );
}

/** The backend may have failed before the client has sent everything: the rest is waited for. */
async function keep({ input, upload, options }: Attempt, spool: Spool): Promise<void> {
  const size = await spool.ended.catch(() => undefined);
  if (size !== undefined) {
    await options.kept.keep(upload.id, input.index, { size, source: spool.follow() });
  }
}

function putOptions({ input, options }: ChunkJob, storageId: string) {
  return {
    key: storageKey(storageId, '', options.now()),
    contentType: 'application/octet-stream',
    filename: `${input.filename}.part${String(input.index).padStart(3, '0')}`,
    signal: input.signal,
  };
}

interface RemoteChunk {
  readonly attempt: Attempt;
  readonly channel: ConfiguredChannel;
  readonly spool: Spool;
}

async function storeRemote({ attempt, channel, spool }: RemoteChunk): Promise<void> {
  const { multipart } = channel.channel;
  if (multipart !== undefined) {
    // A native part needs its exact length before the first byte: the chunk is on disk until then.
    const size = await spool.ended;
    const state = await nativeUpload({ job: attempt, channel, multipart, size });
    if (state !== undefined) {
      // One at a time per index: a native part that is sent twice at once must end as the one that
      // is written down.
      return attempt.inFlight.inTurn(attempt.upload.id, attempt.input.index, async () =>
        writeDown(attempt, await storeNative({ job: attempt, multipart, state, spool, size })),
      );
    }
  }
  await writeDown(attempt, await storeObjects({ attempt, channel, spool }));
}

async function storeObjects({ attempt, channel, spool }: RemoteChunk): Promise<StoredChunk> {
  const { jobs } = attempt.options.metadata;
  const { now } = attempt.options;
  const put = { ...putOptions(attempt, attempt.storageId), size: spool.size() };
  const cleanup = locateObjects(channel.channel, put.key, put.size).map((ref) =>
    deleteObjectJob(channel.id, { ref }, now() + orphanAfterMs),
  );
  if (cleanup.length > 0) {
    await jobs.add(cleanup);
  }
  const leftOver = collectLeftOver(channel.id);
  const removeLeftOver = async (kept: readonly Segment[]): Promise<void> => {
    const inVain = leftOver.jobs(kept, now());
    if (inVain.length > 0) {
      await jobs.add(inVain);
    }
  };
  try {
    const { size, segments, hash } = await storeSpool(channel.channel, spool, {
      ...put,
      onLeftOver: leftOver.onLeftOver,
    });
    await removeLeftOver(segments);
    return { size, segments, hash, native: null, pendingCleanup: cleanup.map(({ id }) => id) };
  } catch (error) {
    await removeLeftOver([]);
    await Promise.all(
      cleanup.map(({ id }) => jobs.retry(id, now(), 'The chunk could not be stored.')),
    );
    throw error;
  }
}

interface NativeChoice {
  readonly job: ChunkJob;
  readonly channel: ConfiguredChannel;
  readonly multipart: Multipart;
  readonly size: number;
}

/**
 * The turn of the decision below, beside those of the chunks: several first chunks at once start
 * one upload.
 */
const decisionTurn = -1;

/**
 * The state of the store's multipart upload, started by whichever chunk comes first (chunk 0 may
 * come last); undefined when the client's chunks are too small for it and become objects of their
 * own. The first chunk that is not the file's last decides for all: a small last one that comes
 * before stays an object, and joins the others when they are merged.
 */
function nativeUpload(choice: NativeChoice): Promise<Json | undefined> {
  const { inFlight, upload } = choice.job;
  return inFlight.inTurn(upload.id, decisionTurn, () => decide(choice));
}

async function decide(choice: NativeChoice): Promise<Json | undefined> {
  const { metadata } = choice.job.options;
  for (;;) {
    const upload = await metadata.uploads.get(choice.job.upload.id);
    if (upload === undefined || upload.state !== 'open') {
      throw noSession();
    }
    const details = chunkedDetails(upload);
    if (details.native === false || (details.native === null && isSmallLast(choice))) {
      return undefined;
    }
    if (details.native !== null) {
      return fitting(choice, details.native.state);
    }
    const native = takesNative(choice) ? { state: await startNative(choice) } : (false as const);
    const updated = await metadata.uploads.update(upload.id, upload.version, {
      details: toJson({ ...details, native }),
    });
    if (updated === undefined && native !== false) {
      await abortLater(choice, native.state);
    }
  }
}

function isSmall({ size, multipart }: NativeChoice): boolean {
  return size < multipart.limits.minPart;
}

function isSmallLast(choice: NativeChoice): boolean {
  const { index, totalChunks } = choice.job.input;
  return index === totalChunks - 1 && isSmall(choice);
}

function takesNative(choice: NativeChoice): boolean {
  return !isSmall(choice) && choice.job.input.totalChunks <= choice.multipart.limits.maxParts;
}

function fitting(choice: NativeChoice, state: Json): Json {
  if (!isSmall(choice) || isSmallLast(choice)) {
    return state;
  }
  const { job, multipart, size } = choice;
  const needed = `at least ${multipart.limits.minPart} in all but the last`;
  throw fail('bad_request', {
    message: `Chunk ${job.input.index} has ${size} bytes, but this channel needs ${needed}`,
  });
}

/** Another node was first. By a job: the caller may be gone, the backend may be busy. */
function abortLater({ job, channel }: NativeChoice, state: Json): Promise<void> {
  const { metadata, now } = job.options;
  return metadata.jobs.add([abortMultipartJob(channel.id, state, now())]);
}

function startNative({ job, multipart }: NativeChoice): Promise<Json> {
  const { filename, contentType } = chunkedDetails(job.upload);
  const key = nativeKeyOf(job.upload);
  if (key === undefined) {
    throw fail('internal_error');
  }
  return multipart.start({
    key,
    contentType,
    filename,
    signal: job.input.signal,
  });
}

interface NativePart {
  readonly job: ChunkJob;
  readonly multipart: Multipart;
  readonly state: Json;
  readonly spool: Spool;
  readonly size: number;
}

async function storeNative({
  job,
  multipart,
  state,
  spool,
  size,
}: NativePart): Promise<StoredChunk> {
  const { signal, index } = job.input;
  return withRetry(
    async () => {
      const hasher = createHasher();
      const source = watch(spool.follow(), { onChunk: hasher.update });
      const native = await multipart
        .part(state, index + 1, source, { size, signal })
        .catch(unlessOver);
      return { size, segments: [], native, hash: hasher.digest(), pendingCleanup: [] };
    },
    signal,
    uploadRetry,
  );
}

/**
 * The store knows its upload no more: it was finished or given up meanwhile, by us or by the store
 * itself.
 */
function unlessOver(error: unknown): never {
  throw isStowageError(error, 'not_found') ? noSession() : error;
}
