import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

const common = ['-sS', '--fail-with-body', '-H', 'Expect:'];
const maxBuffer = 2 ** 24;

/** Runs one request and answers the body; throws on any status from 400. */
export async function curl(args: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', [...common, ...args], { maxBuffer });
  return stdout;
}

/** The same for many at once, each a process of its own. */
export async function curlAll(all: readonly (readonly string[])[]): Promise<void> {
  await Promise.all(all.map((args) => curl(['-o', '/dev/null', ...args])));
}

/** Many by one process, so many at once, over connections that are kept. */
export async function curlInTurn(
  all: readonly (readonly string[])[],
  parallel: number,
): Promise<void> {
  const requests = all.flatMap((args) => ['--next', ...common, '-o', '/dev/null', ...args]);
  await run(
    'curl',
    [
      '--parallel',
      '--parallel-immediate',
      '--parallel-max',
      String(parallel),
      '--fail-early',
      ...requests.slice(1),
    ],
    {
      maxBuffer,
    },
  );
}
