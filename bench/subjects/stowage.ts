import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { s3Missing, startS3 } from '../../server/test/services/s3.ts';
import { freePort, isOk, startServer } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { createStowageClient } from './stowage-client.ts';

/** Of a checkout. */
export interface Version {
  readonly id: string;
  readonly name: string;
  /** The folder of the checkout, with its packages installed. */
  readonly root: string;
}

export const current: Version = {
  id: 'stowage',
  name: 'Stowage',
  root: fileURLToPath(new URL('../..', import.meta.url)),
};

/**
 * As it comes: local disk, SQLite in its default `full` durability, fsync and content hash on. Only
 * the limits are lifted.
 */
export function stowage(version: Version): SubjectKind {
  return {
    id: version.id,
    name: version.name,
    obstacle: () => undefined,
    start: ({ folder }) => start({ ...version, folder, channels: [] }),
  };
}

/**
 * In front of Ceph's radosgw, which keeps its objects in memory and works on the same cores.
 * Presigned bytes pass Stowage by: only the calls before and after count.
 */
export const stowageOnS3: SubjectKind = {
  id: 's3',
  name: 'Stowage on S3',
  scenarios: ['raw', 'form', 'chunks5', 'chunks8', 'chunks16', 'presign', 'complete', 'read'],
  obstacle: () => s3Missing,
  async start({ folder }) {
    const s3 = await startS3({ memoryGiB: 6 });
    try {
      await s3.createBucket('bench');
      const { endpoint, region, accessKeyId, secretAccessKey } = s3;
      const access = { endpoint, region, bucket: 'bench', accessKeyId, secretAccessKey };
      const channels = [{ type: 's3', name: 'main', ...access }];
      const subject = await start({ ...current, name: 'Stowage on S3', folder, channels });
      return { ...subject, stop: () => subject.stop().finally(() => s3.stop()) };
    } catch (error) {
      await s3.stop();
      throw error;
    }
  },
};

interface StartOptions {
  readonly name: string;
  readonly root: string;
  readonly folder: string;
  readonly channels: readonly unknown[];
}

async function start({ name, root, folder, channels }: StartOptions): Promise<Subject> {
  const port = await freePort();
  const token = randomBytes(24).toString('hex');
  if (channels.length > 0) {
    await writeFile(join(folder, 'stowage.config.json'), JSON.stringify({ channels }));
  }
  const base = `http://127.0.0.1:${port}`;
  const server = await startServer({
    command: process.execPath,
    args: [join(root, 'server/bin/stowage.js'), 'serve'],
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(port),
      STOWAGE_DATA_DIR: folder,
      STOWAGE_ADMIN_TOKEN: token,
      STOWAGE_LOG_LEVEL: 'warn',
      STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
      STOWAGE_RATE_LIMIT_PER_HOUR: '0',
      STOWAGE_MEDIA_MAX_VIDEO_BYTES: '10GiB',
    },
    isUp: () => isOk(`${base}/healthz`),
  });
  const client = createStowageClient(base, token);
  return { ...client, name, pid: server.pid, log: server.log, stop: server.stop };
}
