import { describe, expect, it } from 'vitest';
import { channelGroups } from '../../channels/index.ts';
import { createMemoryChannel } from '../../channels/memory/index.ts';
import { type ConfiguredChannel, createChannelPool } from '../../core/storage/channel-pool.ts';
import type { StoredBytes } from '../../core/uploads/basic-upload.ts';
import { refuseLatePlacement } from './choose-channel.ts';
import { placementOf } from './query.ts';

function channelOf(group: string): ConfiguredChannel {
  const channel = createMemoryChannel();
  return {
    id: group,
    type: group,
    group,
    label: group,
    name: group,
    enabled: true,
    weight: 1,
    channel,
  };
}

/** A file went to the local disk; a field behind it asks for `uploadChannel`, and nothing else. */
function askLate(uploadChannel: string, configured: readonly string[]): () => void {
  const pool = createChannelPool({
    channels: configured.map(channelOf),
    usage: async () => ({ bytes: 0, blobs: 0 }),
    groups: channelGroups,
    loadBalance: false,
    routes: {},
  });
  const stored = [{ channel: channelOf('local') } as StoredBytes];
  const fields = { uploadChannel, autoRetry: 'false' };
  const placement = placementOf({}, fields);
  return () => refuseLatePlacement({ placement, fields, stored, pool });
}

describe('uploadChannel behind the file, with autoRetry=false', () => {
  const tooLate = /must stand before the file in the form$/;

  it('is obeyed when the file is on a channel of that group', () => {
    expect(askLate('local', ['local', 's3'])).not.toThrow();
    expect(askLate('s3', ['local', 's3'])).toThrow(tooLate);
  });

  it('takes the group that stands in for another one only while that one has no channel', () => {
    expect(askLate('cfr2', ['local'])).not.toThrow();
    expect(askLate('cfr2', ['local', 'cfr2'])).toThrow(tooLate);
  });
});
