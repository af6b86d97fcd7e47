import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  type RateLimiterRes,
} from 'rate-limiter-flexible';
import { hourMs, minuteMs } from '../core/clock.ts';
import { fail } from '../core/errors.ts';
import type { RateLimiter, RateState } from '../core/rate-limiter.ts';

export interface RateLimitOptions {
  /** 0 means no limit. */
  readonly perMinute: number;
  readonly perHour: number;
  /**
   * Counts are shared through this database. Absent: they are kept in the memory of this process.
   */
  readonly databaseUrl?: string | undefined;
}

interface Window {
  readonly limit: number;
  readonly limiter: RateLimiterAbstract;
}

/** Counts by fixed windows that begin with a caller's first request. */
export async function createRateLimiter(options: RateLimitOptions): Promise<RateLimiter> {
  const shared =
    options.databaseUrl === undefined ? undefined : await openShared(options.databaseUrl);
  const open = shared?.open ?? openMemory;
  const windows = await Promise.all(
    [
      { limit: options.perMinute, lengthMs: minuteMs, name: 'minute' },
      { limit: options.perHour, lengthMs: hourMs, name: 'hour' },
    ]
      .filter(({ limit }) => limit > 0)
      .map(async (window) => ({ limit: window.limit, limiter: await open(window) })),
  );
  return {
    async take(key) {
      if (windows.length === 0) {
        return undefined;
      }
      const states = await Promise.all(windows.map((window) => takeFrom(window, key)));
      return states.reduce(tighter);
    },
    close: shared?.close,
  };
}

interface WindowOptions {
  readonly limit: number;
  readonly lengthMs: number;
  readonly name: string;
}

type Open = (options: WindowOptions) => Promise<RateLimiterAbstract>;

const openMemory: Open = async ({ limit, lengthMs, name }) =>
  new RateLimiterMemory({ points: limit, duration: lengthMs / 1000, keyPrefix: name });

async function openShared(
  databaseUrl: string,
): Promise<{ readonly open: Open; close(): Promise<void> }> {
  const { Pool } = await import('pg');
  // A frozen server must not hold up callers for long.
  const timeouts = {
    connectionTimeoutMillis: 5_000,
    statement_timeout: 5_000,
    query_timeout: 5_000,
  };
  const pool = new Pool({
    connectionString: databaseUrl,
    max: 4,
    application_name: 'stowage limits',
    keepAlive: true,
    ...timeouts,
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const openOnce: Open = ({ limit, lengthMs, name }) =>
    new Promise((resolve, reject) => {
      const options = {
        storeClient: pool,
        points: limit,
        duration: lengthMs / 1000,
        keyPrefix: name,
        tableName: 'rate_limits',
      };
      const limiter = new RateLimiterPostgres(options, (error?: Error) =>
        error ? reject(error) : resolve(limiter),
      );
    });
  // When nodes create the table at the same moment, `if not exists` spares only later ones.
  const open: Open = (options) =>
    openOnce(options).catch((error: unknown) => {
      if (!wasMadeMeanwhile(error)) {
        throw error;
      }
      return openOnce(options);
    });
  return { open, close: () => pool.end() };
}

/** PostgreSQL: a unique violation in its catalogue, or a table or type that exists. */
function wasMadeMeanwhile(error: unknown): boolean {
  return ['23505', '42P07', '42710'].includes((error as { code?: string }).code ?? '');
}

async function takeFrom({ limit, limiter }: Window, key: string): Promise<RateState> {
  try {
    return stateOf(await limiter.consume(key), limit, true);
  } catch (refused) {
    // Over the limit, the library throws its own result object. An `Error` is a failure of the
    // store.
    if (refused instanceof Error) {
      throw fail('service_unavailable', { cause: refused });
    }
    return stateOf(refused as RateLimiterRes, limit, false);
  }
}

function stateOf(result: RateLimiterRes, limit: number, allowed: boolean): RateState {
  return {
    allowed,
    limit,
    remaining: Math.max(0, result.remainingPoints),
    resetAt: Date.now() + result.msBeforeNext,
  };
}

function tighter(one: RateState, other: RateState): RateState {
  if (one.allowed !== other.allowed) {
    return one.allowed ? other : one;
  }
  if (!one.allowed) {
    return one.resetAt > other.resetAt ? one : other;
  }
  return one.remaining <= other.remaining ? one : other;
}
