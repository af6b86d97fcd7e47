import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** A real server process, seen from outside only. */
export interface Stowage {
  readonly url: string;
  readonly dataDir: string;
  readonly adminToken: string;
  readonly pid: number;
  /** Lines of its log so far. */
  readonly log: readonly string[];
  /** With the admin token unless `headers.authorization` says otherwise (`''` sends none). */
  fetch(path: string, init?: RequestInit & { duplex?: 'half' }): Promise<Response>;
  /** SIGKILL, and start again on the same data folder and port. */
  crash(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>;
  /** Peak resident memory so far, in bytes. */
  peakRssBytes(): Promise<number>;
  stop(): Promise<void>;
}

export interface StowageOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written as stowage.config.json. */
  readonly config?: unknown;
  readonly dataDir?: string;
}

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;
const adminToken = 'stowage_0123456789abcdef0123456789abcdef';
const startTimeoutMs = 60_000;

/**
 * Starts a server on a free port of 127.0.0.1 with a fresh data folder, without rate limits unless
 * `env` sets them.
 */
export async function startStowage({
  env = {},
  config,
  dataDir,
}: StowageOptions = {}): Promise<Stowage> {
  const home = await mkdtemp(join(tmpdir(), 'stowage-acceptance-'));
  const data = dataDir ?? join(home, 'data');
  if (config !== undefined) {
    await writeFile(join(home, 'stowage.config.json'), JSON.stringify(config));
  }
  const port = await freePort();
  const log: string[] = [];
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [launcher, 'serve'], {
      cwd: home,
      env: {
        PATH: process.env.PATH ?? '',
        HOST: '127.0.0.1',
        PORT: String(port),
        STOWAGE_DATA_DIR: data,
        STOWAGE_ADMIN_TOKEN: adminToken,
        STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
        STOWAGE_RATE_LIMIT_PER_HOUR: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    await readyLine(started, log);
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };

  try {
    await start();
  } catch (error) {
    await kill();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    dataDir: data,
    adminToken,
    get pid() {
      return child?.pid ?? 0;
    },
    log,
    fetch(path, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has('authorization')) {
        headers.set('authorization', `Bearer ${adminToken}`);
      }
      if (headers.get('authorization') === '') {
        headers.delete('authorization');
      }
      return fetch(new URL(path, url), { ...init, headers });
    },
    kill,
    start,
    async crash() {
      await kill();
      await start();
    },
    async terminate() {
      if (child === undefined) {
        return null;
      }
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await exited;
      return code as number | null;
    },
    async peakRssBytes() {
      const { readFile } = await import('node:fs/promises');
      const status = await readFile(`/proc/${child?.pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    },
    async stop() {
      await kill();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Runs curl as people do; resolves with standard output, rejects with what curl said. */
export async function curl(...args: readonly string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', ...args], {
    encoding: 'buffer',
    maxBuffer: 2 ** 30,
  });
  return stdout;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function readyLine(child: ChildProcess, log: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`The server did not start:\n${log.join('\n')}`)),
    startTimeoutMs,
  );
  const onLine = (line: string): void => {
    log.push(line);
    if (line.startsWith('Stowage is ready at ')) {
      resolve();
    }
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) {
      createInterface({ input: stream }).on('line', onLine);
    }
  }
  child.once('exit', (code) =>
    reject(new Error(`The server exited with ${code}:\n${log.join('\n')}`)),
  );
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}
