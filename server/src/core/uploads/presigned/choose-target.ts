import type { PresignedUpload } from '../../channel.ts';
import { extensionFor, type MediaCategory } from '../../content-type/media-types.ts';
import { fail } from '../../errors.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { storageKey } from '../../storage/storage-key.ts';
import { uuidv7 } from '../../uuid.ts';

export interface PresignRequest {
  readonly filename: string;
  readonly contentType: string;
  readonly category: MediaCategory;
  readonly size: number | null;
  readonly maxBytes: number;
  readonly sha256: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
  readonly ip: string | null;
  /** The client takes an address of the store's own, whatever it wants sent there. */
  readonly direct: boolean;
}

export interface UploadTarget {
  readonly channel: ConfiguredChannel;
  /** Name of the object in the store, when the client uploads there. */
  readonly key: string;
  /** How to upload straight to the store; undefined when the bytes go through the relay. */
  readonly target: PresignedUpload | undefined;
}

const startTimeoutMs = 30_000;

/**
 * The first of the channels that takes this file: by the store's own presigned upload, otherwise
 * through the relay.
 */
export async function chooseTarget(
  request: PresignRequest,
  channels: readonly ConfiguredChannel[],
  { at, ttlSeconds }: { readonly at: number; readonly ttlSeconds: number },
): Promise<UploadTarget> {
  const { filename, contentType, sha256 } = request;
  const size = request.size ?? undefined;
  const key = storageKey(uuidv7(at), extensionFor(filename, contentType), at);
  for (const channel of channels) {
    const { presign } = channel.channel;
    if (presign?.accepts?.({ contentType, size }) === false) {
      continue;
    }
    if (presign === undefined || (presign.onRequest && !request.direct)) {
      if (fitsRelay(channel, size)) {
        return { channel, target: undefined, key };
      }
      continue;
    }
    const target = await presign.start({
      key,
      filename,
      contentType,
      size,
      sha256: sha256 ?? undefined,
      expiresInSeconds: ttlSeconds,
      signal: AbortSignal.timeout(startTimeoutMs),
    });
    if (target !== undefined) {
      return { channel, target, key };
    }
  }
  throw fail('service_unavailable', { message: 'No storage channel takes this file.' });
}

/** Whether the channel stores so many bytes that come through the relay. */
function fitsRelay({ channel: { limits } }: ConfiguredChannel, size = 0): boolean {
  return limits.maxBytes === undefined || limits.segment !== undefined || size <= limits.maxBytes;
}
