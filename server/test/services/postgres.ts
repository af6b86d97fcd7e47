import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export interface PostgresService {
  /** Of an empty database; the role may create others. */
  readonly url: string;
  /** Ends every connection and starts again on the same port with the same data. */
  restart(): Promise<void>;
  /** Like `kill -9`: everything not committed is lost. `resume` starts it again. */
  crash(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Stops all its processes where they are: connections stay, answers do not come. `thaw` lets them
   * go on.
   */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Makes one more empty database and answers its url. */
  createDatabase(): Promise<string>;
  /** Ends it and removes all its files. */
  stop(): Promise<void>;
}

const folder = findFolder();

/** Why tests against PostgreSQL are skipped; undefined when they can run. */
export const postgresMissing =
  folder === undefined ? 'PostgreSQL is not installed (initdb, pg_ctl)' : undefined;

/**
 * A private PostgreSQL on a free port of 127.0.0.1, with its files below `parent`. `fsync` is off
 * unless asked for. Throws when `postgresMissing`.
 */
export async function startPostgres({
  fsync = false,
  parent = tmpdir(),
}: {
  readonly fsync?: boolean;
  readonly parent?: string;
} = {}): Promise<PostgresService> {
  if (folder === undefined) {
    throw new Error(postgresMissing);
  }
  const home = await mkdtemp(join(parent, 'stowage-postgres-'));
  const data = join(home, 'data');
  const port = await freePort();
  if (isRoot()) {
    await exec('chown', ['postgres', home]);
  }
  await chmod(home, 0o700);

  const run = (program: string, args: readonly string[]) =>
    asServerUser(join(folder, program), args, home);
  const control = (...args: string[]) =>
    run('pg_ctl', ['-D', data, '-w', '-l', join(home, 'log'), ...args]);
  const options = `-p ${port} -h 127.0.0.1 -k ${home} -c shared_buffers=64MB -c fsync=${fsync ? 'on' : 'off'}`;
  const start = () => control('-o', options, 'start');
  const url = (database: string) => `postgres://app@127.0.0.1:${port}/${database}`;
  let databases = 0;

  await run('initdb', [
    '-D',
    data,
    '-U',
    'app',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  await start();

  return {
    url: url('postgres'),
    async restart() {
      await control('-m', 'fast', 'stop');
      await start();
    },
    async crash() {
      await control('-m', 'immediate', 'stop');
    },
    async resume() {
      await start();
    },
    freeze: () => signalAll(data, 'SIGSTOP'),
    thaw: () => signalAll(data, 'SIGCONT'),
    async createDatabase() {
      const name = `database_${++databases}`;
      await run('createdb', ['-h', '127.0.0.1', '-p', String(port), '-U', 'app', name]);
      return url(name);
    },
    async stop() {
      // It may be down already, or frozen.
      await signalAll(data, 'SIGCONT').catch(() => undefined);
      await control('-m', 'immediate', 'stop').catch(() => undefined);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function signalAll(data: string, signal: NodeJS.Signals): Promise<void> {
  const master = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const children = await readFile(`/proc/${master}/task/${master}/children`, 'utf8');
  for (const pid of [master, ...children.trim().split(' ').map(Number)]) {
    process.kill(pid, signal);
  }
}

function isRoot(): boolean {
  return userInfo().uid === 0;
}

/** PostgreSQL refuses to run as root. */
async function asServerUser(program: string, args: readonly string[], cwd: string): Promise<void> {
  const [command, ...rest] = isRoot()
    ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]
    : [program, ...args];
  // The server inherits the descriptors: with pipes, nobody would ever see their end.
  const child = spawn(command as string, rest, {
    cwd,
    stdio: 'ignore',
    env: { ...process.env, LC_ALL: 'C' },
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`)),
    );
  });
}

function findFolder(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  return folders.find(
    (each) => existsSync(join(each, 'initdb')) && existsSync(join(each, 'pg_ctl')),
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') {
    throw new Error('No free port');
  }
  return address.port;
}
