import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Load, renderRequest } from './requests.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('./requests.lua', import.meta.url));
/** Of all requests: more than this, and what was measured is how fast the server refuses. */
const TOLERATED_FAILURES = 0.001;
const COUNT_LIMIT_SECONDS = 60;

export interface WrkOptions {
  readonly callers: number;
  /** Ends after so many seconds, or when `requests` were sent. */
  readonly seconds?: number | undefined;
  readonly requests?: number | undefined;
  /**
   * A folder: after every answer to `callers` uploads its file system is synced before any caller
   * sends another.
   */
  readonly syncs?: string | undefined;
}

export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers from status 400, and broken connections. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Output extends Omit<WrkResult, 'failed'> {
  readonly refused: number;
  readonly broken: number;
  /** What it printed about a failure. */
  readonly shown: string;
}

/** Throws with an answer of the server when requests failed, except for a few. */
export async function wrk(load: Load, options: WrkOptions): Promise<WrkResult> {
  const { refused, broken, shown: _, ...rest } = await runWrk(load, options, false);
  const failed = refused + broken;
  if (rest.requests === 0 || failed > rest.requests * TOLERATED_FAILURES) {
    const { shown } = await runWrk(load, { ...options, seconds: 1, requests: undefined }, true);
    throw new Error(
      `of ${rest.requests} requests ${refused} were refused and ${broken} got no answer; ${shown || 'repeated, none is refused'}`,
    );
  }
  return { ...rest, failed };
}

async function runWrk(load: Load, options: WrkOptions, show: boolean): Promise<Output> {
  const { callers, seconds = COUNT_LIMIT_SECONDS, requests = 0, syncs = '' } = options;
  const folder = await mkdtemp(join(tmpdir(), 'stowage-wrk-'));
  const file = join(folder, 'requests');
  const { host } = new URL(load.base);
  const rendered = load.requests.map((one) => renderRequest(one, host));
  await writeFile(file, Buffer.concat(rendered.flatMap((one) => [lengthOf(one), one])));
  const env = {
    PATH: process.env.PATH,
    BENCH_REQUESTS: file,
    BENCH_RUN: randomBytes(6).toString('hex'),
    BENCH_LIMIT: String(requests),
    BENCH_SYNC: syncs,
    BENCH_GROUP: String(callers),
    BENCH_SHOW: show ? '1' : '',
  };
  const args = ['-t1', `-c${callers}`, `-d${seconds}s`, '--timeout', '30s', '-s', script];
  try {
    const { stdout } = await run('wrk', [...args, load.base], { env, maxBuffer: 2 ** 24 });
    return parse(stdout);
  } catch (error) {
    const { stderr, stdout, message } = error as Error & { stderr?: string; stdout?: string };
    throw new Error(`wrk failed: ${(stderr || stdout || message).slice(-300)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function lengthOf(request: Buffer): Buffer {
  return Buffer.from(`${request.length}\n`);
}

function parse(stdout: string): Output {
  const lines = stdout.trim().split('\n');
  const shown = lines.find((line) => line.startsWith('status ')) ?? '';
  return { ...JSON.parse(lines.at(-1) ?? ''), shown } as Output;
}
