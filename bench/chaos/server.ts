import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../processes.ts';

const launcher = fileURLToPath(new URL('../../server/bin/stowage.js', import.meta.url));
const startLimitMs = 60_000;

/** The server under test, a process like any other. */
export interface Server {
  readonly base: string;
  readonly authorization: string;
  readonly dataDir: string;
  /** Resolves when it is ready, with the time that took. */
  start(): Promise<number>;
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Runs a command on the data folder. */
  command(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly output: string }>;
  /** Last lines of its log. */
  readonly log: readonly string[];
}

const token = 'stowage_c4a05c4a05c4a05c4a05c4a05c4a05c4';

export async function createServer(disk: string): Promise<Server> {
  const dataDir = join(disk, 'data');
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    HOST: '127.0.0.1',
    PORT: String(port),
    STOWAGE_DATA_DIR: dataDir,
    STOWAGE_ADMIN_TOKEN: token,
    STOWAGE_LOG_LEVEL: 'warn',
    STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
    STOWAGE_RATE_LIMIT_PER_HOUR: '0',
  };
  const log: string[] = [];
  let child: ChildProcess | undefined;
  const launch = (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [launcher, ...args], {
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return child?.exitCode ?? null;
    }
    const exited = once(child, 'exit');
    child.kill(signal);
    return (await exited)[0];
  };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });

  return {
    base: `http://127.0.0.1:${port}`,
    authorization: `Bearer ${token}`,
    dataDir,
    log,
    async start() {
      const from = performance.now();
      child = launch('serve');
      await untilReady(child, log);
      return performance.now() - from;
    },
    async kill() {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
    async command(...args) {
      const process_ = launch(...args);
      let output = '';
      for (const stream of [process_.stdout, process_.stderr]) {
        stream?.on('data', (chunk) => (output += chunk));
      }
      const [code] = await once(process_, 'close');
      return { code, output };
    },
  };
}

async function untilReady(child: ChildProcess, log: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error('The server is not ready after a minute.')),
    startLimitMs,
  );
  const onLine = (line: string): void => {
    log.push(line);
    if (log.length > 200) {
      log.shift();
    }
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
    reject(new Error(`The server ended at its start with ${code}:\n${log.slice(-5).join('\n')}`)),
  );
  await promise.finally(() => clearTimeout(timer));
}
