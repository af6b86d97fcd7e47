import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelConformance } from '../../../test/conformance/channel.ts';
import { createLocalChannel } from './index.ts';

channelConformance('local', {
  create: async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'stowage-local-'));
    return {
      channel: createLocalChannel({}, { dataDir }),
      objects: async () => {
        const entries = await readdir(join(dataDir, 'objects'), { recursive: true, withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).length;
      },
      destroy: () => rm(dataDir, { recursive: true }),
    };
  },
});
