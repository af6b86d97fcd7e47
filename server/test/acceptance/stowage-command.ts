import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;

export interface CommandOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where `stowage.config.json` is looked for. */
  readonly cwd?: string;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a command of Stowage on a data folder. */
export function startCommand(
  args: readonly string[],
  { dataDir, env = {}, cwd = tmpdir() }: CommandOptions,
) {
  const child: ChildProcess = spawn(process.execPath, [launcher, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { child, result: resultOf(child) };
}

export function runCommand(
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return startCommand(args, options).result;
}

async function resultOf(child: ChildProcess): Promise<CommandResult> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => (stdout += chunk));
  child.stderr?.on('data', (chunk) => (stderr += chunk));
  const [code] = await once(child, 'close');
  return { code: code as number | null, stdout, stderr };
}
