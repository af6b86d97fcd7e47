import { withRetry } from '../../guard/retry.ts';
import type { Upload, UploadPart } from '../../metadata.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { deleteObjectJob } from '../../storage/cleanup-jobs.ts';
import { openReplica } from '../../storage/read-content.ts';
import { uuidv7 } from '../../uuid.ts';
import { chunkedDetails } from './chunked-details.ts';
import type { ChunkedUploadOptions } from './chunked-types.ts';
import type { InFlight } from './in-flight.ts';

interface JoinRequest {
  readonly upload: Upload;
  readonly parts: readonly UploadPart[];
  readonly channel: ConfiguredChannel;
  readonly options: ChunkedUploadOptions;
  readonly inFlight: InFlight;
  readonly signal: AbortSignal;
}

/**
 * A small last chunk that came before the others had decided for the store's multipart upload is an
 * object of its own: makes it one of the native parts, so that the file is one object. True when
 * the parts have to be looked at again.
 */
export async function joinLastChunk(request: JoinRequest): Promise<boolean> {
  const { upload, parts, inFlight } = request;
  const last = parts.at(-1);
  if (last === undefined || last.native !== null || parts.every((part) => part.native === null)) {
    return false;
  }
  await inFlight.inTurn(upload.id, last.index, () => join(request, last));
  return true;
}

async function join(
  { upload, channel, options, signal }: JoinRequest,
  seen: UploadPart,
): Promise<void> {
  const { metadata, now, ttlMs } = options;
  const part = (await metadata.uploads.parts(upload.id)).find(({ index }) => index === seen.index);
  const { native } = chunkedDetails(upload);
  const { multipart } = channel.channel;
  if (part?.storageId !== seen.storageId || part.state !== 'stored' || !native || !multipart) {
    return;
  }
  const joined = await withRetry(async () => {
    const { stream } = await openReplica(channel.channel, part, { signal });
    return multipart.part(native.state, part.index + 1, stream, { size: part.size, signal });
  }, signal);
  const result = await metadata.uploads.putPart(
    { ...part, native: joined, segments: [], storageId: uuidv7(now()), updatedAt: now() },
    now() + ttlMs,
  );
  if (result.outcome === 'replaced') {
    await metadata.jobs.add(
      result.part.segments.map((segment) => deleteObjectJob(channel.id, segment, now())),
    );
  }
}
