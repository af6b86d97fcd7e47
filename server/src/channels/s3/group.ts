import type { ChannelGroup } from '../../core/storage/channel-group.ts';

/** Of S3 itself and of the presets that callers need not tell apart. */
export const s3Group: ChannelGroup = {
  name: 's3',
  label: 'S3',
  fallbackRank: 3,
  takesChunks: true,
};
