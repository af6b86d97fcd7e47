import { tmpdir } from 'node:os';
import type { ByteSource } from '../src/core/bytes.ts';
import type { Channel } from '../src/core/channel.ts';
import {
  type StoredObjects,
  type StoreOptions,
  storeSpool,
} from '../src/core/storage/store-objects.ts';
import { createDigestService } from '../src/core/streams/digests.ts';
import { createSpool } from '../src/core/streams/spool.ts';
import { guarded } from './guarded.ts';

export type SpooledOptions = Omit<StoreOptions, 'noteUpload' | 'digests'> & Partial<StoreOptions>;

/**
 * What core does with a body for a remote channel: spools it and stores it as the channel wants.
 */
export async function storeSpooled(
  channel: Channel,
  source: ByteSource,
  options: SpooledOptions,
): Promise<StoredObjects> {
  const spool = createSpool(source, tmpdir());
  const digests = createDigestService();
  try {
    return await storeSpool(guarded(channel), spool, {
      noteUpload: async () => undefined,
      digests,
      ...options,
    });
  } finally {
    await spool.dispose();
    await digests.close();
  }
}
