import { z } from 'zod';
import type { FileRecord } from '../../core/metadata.ts';
import type { ChannelPool } from '../../core/storage/channel-pool.ts';
import { named } from '../openapi/named.ts';
import { exampleMetadata, fileMetadata, presentMetadata } from './library/present-file.ts';

export const recordMetadata = named('RecordMetadata', () =>
  fileMetadata().extend({
    UploadAddress: z.string().meta({ description: 'Always empty: no address is looked up.' }),
    Channel: z.string().optional(),
    ChannelName: z.string().optional(),
  }),
);

export const exampleRecordMetadata = { ...exampleMetadata, UploadAddress: '' };

/** As lists show a file, but without an address, and without a channel that is gone. */
export function presentRecordMetadata(file: FileRecord, pool: Pick<ChannelPool, 'all'>) {
  const { Channel, ChannelName, ...metadata } = presentMetadata(file, pool);
  return {
    ...metadata,
    UploadAddress: '',
    Channel: Channel || undefined,
    ChannelName: ChannelName || undefined,
  };
}
