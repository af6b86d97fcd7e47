import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs one request and answers the body; throws on any status from 400. */
export async function curl(args: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '--fail-with-body', '-H', 'Expect:', ...args], { maxBuffer: 2 ** 24 });
  return stdout;
}

/** The same for many at once, each a process of its own. */
export async function curlAll(all: readonly (readonly string[])[]): Promise<void> {
  await Promise.all(all.map((args) => curl(['-o', '/dev/null', ...args])));
}
