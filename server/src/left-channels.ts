import type { ChannelConfig } from './config/channels.ts';
import type { ChannelRecord, MetadataStore } from './core/metadata.ts';

/**
 * Channels that hold files but are configured no longer: what lies on them alone cannot be read.
 */
export async function findLeftChannels(
  configured: readonly Pick<ChannelConfig, 'id' | 'type' | 'name'>[],
  { channels, replicas }: Pick<MetadataStore, 'channels' | 'replicas'>,
): Promise<readonly ChannelRecord[]> {
  const isConfigured = (record: ChannelRecord): boolean =>
    configured.some(({ id, type, name }) =>
      id === undefined ? type === record.type && name === record.name : id === record.id,
    );
  const stored = new Set((await channels.stored()).channels.map(({ id }) => id));
  const left: ChannelRecord[] = [];
  for (const record of await channels.list()) {
    if (isConfigured(record) || stored.has(record.id)) {
      continue;
    }
    if ((await replicas.page({ channelIds: [record.id], limit: 1 })).length > 0) {
      left.push(record);
    }
  }
  return left;
}

export function leftChannelAdvice({ id, type, name }: ChannelRecord): string {
  return (
    `It holds files but is not among "channels" any more, so that their links answer 503. Add it again (${JSON.stringify({ type, name })} and its settings). ` +
    `If it was renamed, give the channel of the new name "id": "${id}".`
  );
}
