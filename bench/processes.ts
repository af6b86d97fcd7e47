import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 40_000;
const LOG_LINES = 15;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${program}`]).status === 0;
}

export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Whether it takes messages (`process.on('message')`). */
  readonly ipc?: boolean | undefined;
  /** Whether it answers; may look at the lines that it wrote so far. */
  isUp(log: readonly string[]): Promise<boolean>;
}

/** A process that a measurement started. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The last lines of what it wrote to either output. */
  log(): readonly string[];
  stop(): Promise<void>;
}

/** Starts the server and waits until it is up. Throws with its last lines when it is not. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { command, args, cwd, env, ipc = false } = options;
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  const lines = keepLines(child);
  const startFailed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`it ended at its start: ${lines.join('\n')}`)));
  });
  try {
    await Promise.race([poll(() => options.isUp(lines)), startFailed]);
  } catch (error) {
    await stopProcess(child);
    throw error;
  }
  startFailed.catch(() => {});
  return { child, pid: child.pid ?? 0, log: () => [...lines], stop: () => stopProcess(child) };
}

function keepLines({ stdout, stderr }: ChildProcess): readonly string[] {
  const lines: string[] = [];
  for (const input of [stdout, stderr]) {
    if (input !== null) {
      createInterface({ input }).on('line', (line) => {
        lines.push(line.slice(0, 500));
        lines.splice(0, lines.length - LOG_LINES);
      });
    }
  }
  return lines;
}

export async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export function isOk(url: string): Promise<boolean> {
  return fetch(url)
    .then(({ ok }) => ok)
    .catch(() => false);
}

async function poll(isUp: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + START_LIMIT_MS; Date.now() < until; await pause(50)) {
    if (await isUp()) {
      return;
    }
  }
  throw new Error(`it did not answer within ${START_LIMIT_MS / 1000} s of its start`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(timer);
}
