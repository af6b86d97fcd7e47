import { join } from 'node:path';
import { localRoot, objectPath } from '../channels/local/index.ts';
import type { Config } from '../config.ts';
import type { ChannelRecord, ChannelStore, Segment } from '../core/metadata.ts';
import { identifyChannels } from '../core/storage/channel-pool.ts';

/** A configured local channel and the folder of its objects. */
export interface LocalChannel {
  readonly id: string;
  readonly name: string;
  readonly root: string;
}

/** The local channels of a library. Records an id for each channel that has none. */
export async function localChannelsOf(
  config: Config,
  channels: ChannelStore,
): Promise<readonly LocalChannel[]> {
  const identified = await identifyChannels(config.channels, channels, Date.now());
  return identified
    .filter(({ type }) => type === 'local')
    .map(({ id, name, settings }) => ({ id, name, root: localRoot(settings, config.dataDir) }));
}

/** The configured channel that corresponds to a channel of the backup: by id, otherwise by name. */
export function localChannelFor(
  { id, name }: Pick<ChannelRecord, 'id' | 'name'>,
  config: Config,
): LocalChannel | undefined {
  const local = config.channels.filter(({ type }) => type === 'local');
  const found =
    local.find((channel) => channel.id === id) ??
    local.find((channel) => channel.id === undefined && channel.name === name);
  return found && { id, name: found.name, root: localRoot(found.settings, config.dataDir) };
}

/**
 * Path of a segment's object below `root`. Undefined when the ref is not that of a local channel.
 */
export function fileOf(root: string, { ref }: Pick<Segment, 'ref'>): string | undefined {
  const path = objectPath(ref);
  return path === undefined ? undefined : join(root, path);
}
