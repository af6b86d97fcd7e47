import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { createProber } from '../../images/prober.ts';
import { huggingfaceDriver } from './index.ts';

const { STOWAGE_LIVE_HUGGINGFACE } = process.env;

if (STOWAGE_LIVE_HUGGINGFACE === undefined) {
  describe('Hugging Face, the real one', () => {
    it.skip(
      'needs STOWAGE_LIVE_HUGGINGFACE with the settings of a channel as JSON, such as {"token":"...","repo":"..."}',
    );
  });
} else {
  const settings = JSON.parse(STOWAGE_LIVE_HUGGINGFACE) as { token: string };
  channelConformance('huggingface, the real one', {
    slow: true,
    secrets: [settings.token],
    create: async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'huggingface-live-'));
      const channel = await huggingfaceDriver.create(settings, { dataDir, prober: createProber() });
      return { channel, destroy: () => rm(dataDir, { recursive: true, force: true }) };
    },
  });
}
