import type { ListedObject, Ref } from '../channel.ts';
import type { MetadataStore } from '../metadata.ts';
import type { ConfiguredChannel } from '../storage/channel-pool.ts';
import { objectsOfFiles, objectsOfUploads } from './named-objects.ts';

export interface Orphan extends ListedObject {
  readonly channel: ConfiguredChannel;
}

export interface OrphanSearch {
  readonly metadata: MetadataStore;
  /** All channels that can list their objects. Two of them may share a place. */
  readonly channels: readonly ConfiguredChannel[];
  /** Younger objects may belong to an upload in progress. */
  readonly storedBefore: number;
}

/**
 * Objects that no file, upload or pending deletion names. Holds the names of all objects in memory
 * meanwhile.
 */
export async function* findOrphans({
  metadata,
  channels,
  storedBefore,
}: OrphanSearch): AsyncGenerator<Orphan> {
  const known = await knownRefs(
    metadata,
    channels.map(({ id }) => id),
  );
  for (const channel of channels) {
    for await (const object of channel.channel.list?.() ?? []) {
      if (object.storedAt < storedBefore && !known.has(nameOf(object.ref))) {
        yield { ...object, channel };
      }
    }
  }
}

/** Uploads are read first: a merge that runs meanwhile moves their parts to a file, never back. */
async function knownRefs(
  metadata: MetadataStore,
  channelIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  for await (const { segment } of objectsOfUploads(metadata, channelIds)) {
    known.add(nameOf(segment.ref));
  }
  for await (const { segment } of objectsOfFiles(metadata, channelIds)) {
    known.add(nameOf(segment.ref));
  }
  for (const { kind, payload } of await metadata.jobs.list({ limit: Number.MAX_SAFE_INTEGER })) {
    if (kind === 'delete_object') {
      known.add(nameOf((payload as { ref: Ref }).ref));
    }
  }
  return known;
}

function nameOf(ref: Ref): string {
  return JSON.stringify(ref);
}
