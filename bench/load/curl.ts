import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What curl is told about one request, the URL included. */
export type CurlArguments = readonly string[];

interface Answer {
  readonly status: number;
  readonly seconds: number;
  readonly body: string;
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
  '\n%{http_code} %{time_total} stowage-bench\n',
];
const answers = /([\s\S]*?)\n(\d{3}) ([\d.]+) stowage-bench\n/g;

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
  const requests = all.flatMap((args) => ['--next', ...common, ...args]).slice(1);
  const answered = await runCurl([
    '--parallel',
    '--parallel-immediate',
    '--parallel-max',
    String(parallel),
    '--fail-early',
    ...requests,
  ]);
  return answered.map(({ seconds }) => seconds);
}

async function runCurl(args: CurlArguments): Promise<readonly Answer[]> {
  try {
    const { stdout } = await run('curl', args, { maxBuffer: 2 ** 24 });
    return parse(stdout);
  } catch (error) {
    throw new Error(describe(error as Error & { stdout?: string; stderr?: string }));
  }
}

/** What the server answered, or why there is no answer; never the arguments. */
function describe({ stdout = '', stderr = '' }: { stdout?: string; stderr?: string }): string {
  const refused = parse(stdout).find(({ status }) => status >= 400);
  const [reason = 'curl ended without a word'] = stderr.split('\n').filter((line) => line !== '');
  return refused === undefined
    ? reason.slice(0, 300)
    : `status ${refused.status}: ${refused.body.trim().slice(0, 300)}`;
}

function parse(stdout: string): readonly Answer[] {
  return [...stdout.matchAll(answers)].map(([, body = '', status, seconds]) => ({
    body,
    status: Number(status),
    seconds: Number(seconds),
  }));
}
