import { type ByteSource, type Json, toJson } from './bytes.ts';
import type { Multipart } from './channel.ts';
import type { ConfiguredChannel } from './channel-pool.ts';
import { chunkedDetails } from './chunked-details.ts';
import { ChunkedRefusal, type ChunkedUploadOptions, type ChunkPut } from './chunked-types.ts';
import { hourMs } from './clock.ts';
import { fail } from './errors.ts';
import { createHasher } from './hash.ts';
import { deleteObjectJob } from './jobs.ts';
import type { Segment, Upload, UploadPart } from './metadata.ts';
import { withRetry } from './retry.ts';
import { createSpool, type Spool } from './spool.ts';
import { storageKey } from './storage-key.ts';
import { storeSpool, storeStream } from './store-objects.ts';
import { uuidv7 } from './uuid.ts';

interface ChunkJob {
  readonly input: ChunkPut;
  readonly upload: Upload;
  readonly options: ChunkedUploadOptions;
}

type StoredChunk = Pick<UploadPart, 'size' | 'segments' | 'native' | 'hash'>;

/** Streams one chunk to its channel and writes it down; resolves when both are done. */
export async function storeChunk({ input, upload, options }: ChunkJob): Promise<void> {
  const { metadata, now, ttlMs } = options;
  const storageId = uuidv7(now());
  const base = { uploadId: upload.id, index: input.index, storageId };
  const pending: UploadPart = { ...base, state: 'pending', size: 0, segments: [], native: null, hash: '', updatedAt: now() };
  if ((await metadata.uploads.putPart(pending, now() + ttlMs)) === undefined) throw noSession();
  let stored: StoredChunk;
  try {
    stored = await storeBytes({ input, upload, options }, storageId);
  } catch (error) {
    await metadata.uploads.dropPendingPart(upload.id, storageId);
    throw error;
  }
  await writeDown({ ...base, ...stored, state: 'stored', updatedAt: now() }, upload, options);
}

function noSession(): ChunkedRefusal {
  return new ChunkedRefusal('no_session', 'Invalid or expired upload session');
}

async function writeDown(
  part: UploadPart,
  upload: Upload,
  { metadata, pool, intake, now, ttlMs }: ChunkedUploadOptions,
): Promise<void> {
  const remove = (segments: readonly Segment[]): Promise<void> =>
    metadata.jobs.add(segments.map((segment) => deleteObjectJob(upload.channelId, segment, now())));
  const replaced = await metadata.uploads.putPart(part, now() + ttlMs);
  if (replaced === undefined) {
    await remove(part.segments);
    throw noSession();
  }
  if (replaced !== null) await remove(replaced.segments);
  await intake.settle({ channel: pool.byId(upload.channelId), segments: part.segments });
}

async function storeBytes(job: ChunkJob, storageId: string): Promise<StoredChunk> {
  const channel = job.options.pool.byId(job.upload.channelId);
  const { source, signal } = job.input;
  if (!channel.channel.remote) {
    const stored = await storeStream(channel.channel, source, putOptions(job, storageId));
    return { size: stored.size, segments: stored.segments, hash: stored.hash, native: null };
  }
  const spool = createSpool(source, job.options.spoolFolder);
  const stop = (): void => void spool.dispose();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await storeRemote({ job, channel, spool, storageId });
  } finally {
    signal.removeEventListener('abort', stop);
    await spool.dispose();
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
  readonly job: ChunkJob;
  readonly channel: ConfiguredChannel;
  readonly spool: Spool;
  readonly storageId: string;
}

async function storeRemote({ job, channel, spool, storageId }: RemoteChunk): Promise<StoredChunk> {
  const { multipart } = channel.channel;
  if (multipart !== undefined) {
    // A native part needs its exact length before the first byte: the chunk is on disk until then.
    const size = await spool.ended;
    const state = await nativeUpload({ job, channel, multipart, size });
    if (state !== undefined) return storeNative({ job, multipart, state, spool, size });
  }
  const orphan = channel.channel.locate?.(putOptions(job, storageId).key);
  const cleanup = orphan === undefined ? [] : [deleteObjectJob(channel.id, { ref: orphan }, job.options.now() + 7 * 24 * hourMs)];
  if (cleanup.length > 0) await job.options.metadata.jobs.add(cleanup);
  const stored = await storeSpool(channel.channel, spool, { ...putOptions(job, storageId), size: spool.size() });
  await job.options.metadata.jobs.done(cleanup.map(({ id }) => id));
  return { size: stored.size, segments: stored.segments, hash: stored.hash, native: null };
}

interface NativeChoice {
  readonly job: ChunkJob;
  readonly channel: ConfiguredChannel;
  readonly multipart: Multipart;
  readonly size: number;
}

/**
 * The state of the store's multipart upload, started by whichever chunk comes first (chunk 0 may come last); undefined when the client's chunks are too small for it and
 * become objects of their own. The first chunk that is not the file's last decides for all.
 */
async function nativeUpload(choice: NativeChoice): Promise<Json | undefined> {
  const { job, multipart, size } = choice;
  const isLast = job.input.index === job.input.totalChunks - 1;
  const tooSmall = !isLast && size < multipart.limits.minPart;
  for (;;) {
    const upload = await job.options.metadata.uploads.get(job.upload.id);
    if (upload === undefined || upload.state !== 'open') throw noSession();
    const details = chunkedDetails(upload);
    if (details.native === false) return undefined;
    if (details.native !== null) {
      if (!tooSmall) return details.native.state;
      throw fail('bad_request', {
        message: `Chunk ${job.input.index} has ${size} bytes, but this channel needs at least ${multipart.limits.minPart} in all but the last`,
      });
    }
    const native =
      tooSmall || job.input.totalChunks > multipart.limits.maxParts ? (false as const) : { state: await startNative(choice) };
    const updated = await job.options.metadata.uploads.update(upload.id, upload.version, {
      details: toJson({ ...details, native }),
    });
    if (updated === undefined && native !== false) await multipart.abort(native.state, { signal: job.input.signal });
  }
}

function startNative({ job, multipart }: NativeChoice): Promise<Json> {
  const { storageId, filename, contentType } = chunkedDetails(job.upload);
  const extension = filename.slice(filename.lastIndexOf('.') + 1);
  return multipart.start({
    key: storageKey(storageId, extension, job.upload.createdAt),
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

async function storeNative({ job, multipart, state, spool, size }: NativePart): Promise<StoredChunk> {
  const { signal, index } = job.input;
  return withRetry(async () => {
    const hasher = createHasher();
    const native = await multipart.part(state, index + 1, hashed(spool.follow(), hasher), { size, signal });
    return { size, segments: [], native, hash: hasher.digest() };
  }, signal);
}

async function* hashed(source: ByteSource, hasher: ReturnType<typeof createHasher>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hasher.update(chunk);
    yield chunk;
  }
}
