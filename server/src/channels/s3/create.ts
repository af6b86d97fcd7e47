import type { Channel } from '../../core/channel.ts';
import type { S3Settings } from './settings.ts';

/** Loaded with the first channel that needs it. */
export async function create(settings: S3Settings): Promise<Channel> {
  const { createS3Channel } = await import('./channel.ts');
  return createS3Channel(settings);
}
