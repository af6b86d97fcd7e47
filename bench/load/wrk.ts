import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Load } from '../subject.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('./requests.lua', import.meta.url));

export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers from status 400, and broken connections. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function wrk(
  { url, mode, headers = {}, tokens = [], text = '' }: Load,
  options: { callers: number; seconds: number },
): Promise<WrkResult> {
  const env = {
    ...process.env,
    BENCH_MODE: mode,
    BENCH_TEXT: text,
    BENCH_TOKENS: tokens.join('\n'),
    BENCH_RUN: randomBytes(6).toString('hex'),
    BENCH_HEADERS: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  };
  const args = [
    '-t1',
    `-c${options.callers}`,
    `-d${options.seconds}s`,
    '--timeout',
    '30s',
    '-s',
    script,
    url,
  ];
  const { stdout } = await run('wrk', args, { env, maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as WrkResult;
}
