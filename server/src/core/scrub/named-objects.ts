import type { MetadataStore, ReplicaKey, Segment, Upload, UploadKind } from '../metadata.ts';
import { presignedDetails } from '../uploads/presigned/presigned-details.ts';

/** An object that a database names. */
export interface NamedObject {
  readonly channelId: string;
  readonly segment: Segment;
  /**
   * The blob that cannot be read without it. Undefined for an upload, whose objects come and go.
   */
  readonly blobId?: string;
}

const pageSize = 500;
const kinds: readonly UploadKind[] = ['presigned', 'import', 'chunked', 'direct'];
const states: readonly Upload['state'][] = ['open', 'failed', 'done', 'aborted'];

/**
 * Every object that the files on these channels consist of, each once. Includes files that are
 * added meanwhile.
 */
export async function* objectsOfFiles(
  snapshot: MetadataStore,
  channelIds: readonly string[],
): AsyncGenerator<NamedObject> {
  for (let after: ReplicaKey | undefined; ; ) {
    const replicas = await snapshot.replicas.page({ channelIds, after, limit: pageSize });
    for (const { blobId, channelId, segments } of replicas) {
      for (const segment of segments) {
        yield { channelId, segment, blobId };
      }
    }
    after = replicas.at(-1);
    if (replicas.length < pageSize) {
      return;
    }
  }
}

/** Objects that uploads have stored so far. Finished uploads may name objects of files again. */
export async function* objectsOfUploads(
  snapshot: MetadataStore,
  channelIds: readonly string[],
): AsyncGenerator<NamedObject> {
  for (let offset = 0; ; offset += pageSize) {
    const { items } = await snapshot.uploads.list({ kinds, states, limit: pageSize, offset });
    for (const upload of items) {
      for (const { channelId, segments } of await storedBy(upload, snapshot)) {
        if (channelIds.includes(channelId)) {
          for (const segment of segments) {
            yield { channelId, segment };
          }
        }
      }
    }
    if (items.length < pageSize) {
      return;
    }
  }
}

interface Stored {
  readonly channelId: string;
  readonly segments: readonly Segment[];
}

async function storedBy(upload: Upload, snapshot: MetadataStore): Promise<readonly Stored[]> {
  if (upload.kind === 'chunked') {
    return (await snapshot.uploads.parts(upload.id)).map(({ segments }) => ({
      channelId: upload.channelId,
      segments,
    }));
  }
  if (upload.kind === 'direct') {
    return [];
  }
  const { received } = presignedDetails(upload);
  return received === null ? [] : [received];
}
