import { describe, expect, it } from 'vitest';
import { bodyOf } from '../../../test/conformance/channel/data.ts';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { createMemoryChannel } from './index.ts';

channelConformance('memory', { create: async () => ({ channel: createMemoryChannel() }) });

describe('memory channel', () => {
  it('refuses what is larger than maxBytes', async () => {
    const channel = createMemoryChannel({ maxBytes: 100 });
    const signal = new AbortController().signal;
    const put = channel.put(bodyOf({ seed: 1, size: 101 }), {
      key: 'a',
      contentType: 'image/png',
      signal,
    });
    await expect(put).rejects.toMatchObject({ code: 'too_large' });
  });
});
