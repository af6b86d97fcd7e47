import type { PresignedUpload } from '../../channel.ts';
import { extensionFor } from '../../content-type/media-types.ts';
import { fail } from '../../errors.ts';
import type { ConfiguredChannel } from '../../storage/channel-pool.ts';
import { storageKey } from '../../storage/storage-key.ts';
import { uuidv7 } from '../../uuid.ts';
import type { PresignedUploadOptions, PresignRequest } from './presigned-types.ts';

interface TargetChoice {
  readonly request: PresignRequest;
  readonly channels: readonly ConfiguredChannel[];
  readonly options: PresignedUploadOptions;
}

interface Target {
  readonly channel: ConfiguredChannel;
  readonly target: PresignedUpload | undefined;
  readonly key: string;
}

/**
 * The first channel of the category that takes this file: by the store's own presigned upload,
 * otherwise through the relay.
 */
export async function chooseTarget({ request, channels, options }: TargetChoice): Promise<Target> {
  const key = storageKey(
    uuidv7(options.now()),
    extensionFor(request.filename, request.contentType),
    options.now(),
  );
  for (const channel of channels) {
    const { presign, limits } = channel.channel;
    const file = {
      contentType: request.contentType,
      ...(request.size !== null && { size: request.size }),
    };
    if (presign?.accepts?.(file) === false) {
      continue;
    }
    if (presign === undefined || (presign.onRequest && !request.direct)) {
      if (
        limits.maxBytes !== undefined &&
        limits.segment === undefined &&
        (request.size ?? 0) > limits.maxBytes
      ) {
        continue;
      }
      return { channel, target: undefined, key };
    }
    const target = await presign.start({
      ...file,
      key,
      filename: request.filename,
      ...(request.sha256 !== null && { sha256: request.sha256 }),
      expiresInSeconds: options.urlTtlSeconds,
      signal: AbortSignal.timeout(30_000),
    });
    if (target !== undefined) {
      return { channel, target, key };
    }
  }
  throw fail('service_unavailable', { message: 'No storage channel takes this file.' });
}
