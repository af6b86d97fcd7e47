import { statfs } from 'node:fs/promises';
import type { Config } from './config.ts';
import type { MetadataStore, UploadKind } from './core/metadata.ts';
import type { ChannelPool } from './core/storage/channel-pool.ts';
import type { Collected } from './metrics/collected.ts';

interface Sources {
  readonly config: Pick<Config, 'dataDir'>;
  readonly metadata: MetadataStore;
  readonly pool: ChannelPool;
}

const uploadKinds: readonly UploadKind[] = ['presigned', 'chunked', 'direct', 'import'];

/** Sources of the figures that metrics collect at each scrape. */
export function collectedFrom({ config, metadata, pool }: Sources): Collected {
  const { jobs, uploads, files } = metadata;
  return {
    jobs: async () => {
      const [pending, failing] = await Promise.all([jobs.count(), jobs.count(1)]);
      return { pending, failing };
    },
    openUploads: async () => {
      const pages = uploadKinds.map((kind) =>
        uploads.list({ kinds: [kind], states: ['open'], limit: 0, offset: 0 }),
      );
      const totals = (await Promise.all(pages)).map(({ total }, at) => [uploadKinds[at], total]);
      return Object.fromEntries(totals);
    },
    channels: () =>
      Promise.all(
        pool.all().map(async ({ id, type, name, quota }) => {
          const { bytes, blobs } = await files.usage(id);
          return { type, channel: name, bytes, objects: blobs, limitBytes: quota?.limitBytes };
        }),
      ),
    brokenReplicas: () => metadata.replicas.countBroken(),
    dataDisk: async () => {
      const { bavail, blocks, bsize } = await statfs(config.dataDir);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    },
    pingDatabase: () => metadata.check(),
  };
}
