import { Pool, types } from 'pg';
import type { MetadataStore } from '../core/metadata.ts';
import { postgresFlavor } from './flavor.ts';
import { kyselyStore } from './kysely-store.ts';
import { postgresEngine } from './postgres-engine.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Most connections at a time. */
  readonly poolSize: number;
  /** Told about idle connections that broke. */
  readonly log?: (message: string) => void;
}

/** Connects when first asked something. */
export function openPostgres({ url, poolSize, log }: PostgresOptions): MetadataStore {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    application_name: 'stowage',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    // What a frozen node or a cut network leaves behind must not hold up the others for long.
    lock_timeout: 10_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
    query_timeout: 35_000,
    types: { getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? toSafeInteger : types.getTypeParser(oid, format)) },
  });
  // Without listeners the end of a connection, idle or between two statements, would be the end of the process.
  pool.on('error', (error) => log?.(`A database connection broke: ${error.message}`));
  pool.on('connect', (client) => client.on('error', () => undefined));
  return kyselyStore({ flavor: postgresFlavor(), engine: postgresEngine(pool) });
}

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`The database holds ${text}, more than a number can.`);
  return value;
}
