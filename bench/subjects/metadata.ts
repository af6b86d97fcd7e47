import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { postgresMissing, startPostgres } from '../../server/test/services/postgres.ts';
import type { Outcome } from '../outcome.ts';
import { startServer } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import type { Version } from './stowage.ts';

const script = fileURLToPath(new URL('./files-add.ts', import.meta.url));

/**
 * The metadata store of a checkout on a PostgreSQL of its own (`fsync` on), without HTTP and
 * without bytes.
 */
export function metadataOnPostgres({ id, name, root }: Version): SubjectKind {
  return {
    id,
    name,
    scenarios: ['files-add'],
    obstacle: () => postgresMissing,
    async start({ folder }) {
      const postgres = await startPostgres({ fsync: true, parent: folder });
      try {
        return await start({ name, root, url: postgres.url, stop: postgres.stop });
      } catch (error) {
        await postgres.stop();
        throw error;
      }
    },
  };
}

interface StartOptions {
  readonly name: string;
  readonly root: string;
  /** Of the database. */
  readonly url: string;
  /** Ends the database. */
  stop(): Promise<void>;
}

async function start({ name, root, url, stop }: StartOptions): Promise<Subject> {
  const writer = await startServer({
    command: process.execPath,
    args: [script, root, url],
    cwd: root,
    env: { PATH: process.env.PATH },
    ipc: true,
    isUp: async (log) => log.includes('ready'),
  });
  return {
    name,
    pid: writer.pid,
    log: writer.log,
    async addFiles(count) {
      writer.child.send(count);
      const [answer] = (await Promise.race([
        once(writer.child, 'message'),
        once(writer.child, 'exit').then(() => Promise.reject(new Error('the writer ended'))),
      ])) as [Outcome & { error?: string }];
      if (answer.error !== undefined) {
        throw new Error(answer.error);
      }
      return answer;
    },
    stop: () => writer.stop().finally(stop),
  };
}
