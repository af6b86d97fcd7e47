import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What curl is told about one request, the URL included. */
export type CurlArguments = readonly string[];

interface Answer {
  readonly status: number;
  readonly seconds: number;
  /** Empty when it went into a file. */
  readonly body: string;
  /** Where the body went; empty when it is `body`. */
  readonly file: string;
}

const LIMIT_SECONDS = 300;
const common = [
  '-sS',
  '--fail-with-body',
  '--max-time',
  String(LIMIT_SECONDS),
  '-H',
  'Expect:',
  '-w',
  '\n%{http_code} %{time_total} %{filename_effective} stowage-bench\n',
];
const answers = /([\s\S]*?)\n(\d{3}) ([\d.]+) (\S*) stowage-bench\n/g;

/** Sends one request and returns the body; throws with the answer on any status from 400. */
export async function curl(args: CurlArguments): Promise<string> {
  const [answer] = await runCurl([...common, ...args]);
  return answer?.body ?? '';
}

/** The same for many at once, each a process of its own. Returns the seconds that each took. */
export async function curlAll(all: readonly CurlArguments[]): Promise<readonly number[]> {
  const done = await Promise.all(all.map((args) => runCurl([...common, ...args])));
  return done.flat().map(({ seconds }) => seconds);
}

/**
 * Many by one process, so many at once, over connections that are kept. Returns the seconds that
 * each took.
 */
export async function curlInTurn(
  all: readonly CurlArguments[],
  parallel: number,
): Promise<readonly number[]> {
  // On the standard output, bodies that come at once would be mixed.
  const folder = await mkdtemp(join(tmpdir(), 'stowage-curl-'));
  const requests = all.flatMap((args, index) => [
    ...['--next', ...common],
    ...(args.includes('-o') ? [] : ['-o', join(folder, String(index))]),
    ...args,
  ]);
  const turns = ['--parallel', '--parallel-immediate', '--parallel-max', String(parallel)];
  try {
    const answered = await runCurl([...turns, '--fail-early', ...requests.slice(1)]);
    return answered.map(({ seconds }) => seconds);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runCurl(args: CurlArguments): Promise<readonly Answer[]> {
  try {
    const { stdout } = await run('curl', args, { maxBuffer: 2 ** 24 });
    return parse(stdout);
  } catch (error) {
    throw new Error(await describe(error as Error & { stdout?: string; stderr?: string }));
  }
}

/** What the server answered, or why there is no answer; never the arguments. */
async function describe({ stdout = '', stderr = '' }): Promise<string> {
  const refused = parse(stdout).find(({ status }) => status >= 400);
  if (refused === undefined) {
    return (stderr.trim().split('\n')[0] || 'curl ended without a word').slice(0, 300);
  }
  const { file } = refused;
  const body = file === '' ? refused.body : await readFile(file, 'utf8').catch(() => '');
  return `status ${refused.status}: ${body.trim().slice(0, 300)}`;
}

function parse(stdout: string): readonly Answer[] {
  return [...stdout.matchAll(answers)].map(([, body = '', status, seconds, file = '']) => ({
    body,
    file,
    status: Number(status),
    seconds: Number(seconds),
  }));
}
