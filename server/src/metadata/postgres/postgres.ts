import { Pool, types } from 'pg';
import type { MetadataStore } from '../../core/metadata.ts';
import { postgresFlavor } from '../flavor.ts';
import { kyselyStore } from '../kysely-store.ts';
import { postgresEngine } from './postgres-engine.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Maximum number of connections. One more is reserved for probes. */
  readonly poolSize: number;
  /** Called with the error of an idle connection that broke. */
  readonly log?: ((message: string) => void) | undefined;
}

const probeMs = 1_500;

/** Connects on first use. */
export function openPostgres({ url, poolSize, log }: PostgresOptions): MetadataStore {
  const shared = { connectionString: url, application_name: 'stowage', keepAlive: true };
  const pool = new Pool({
    ...shared,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    // A frozen node or a cut network must not hold up the others for long.
    lock_timeout: 8_000,
    statement_timeout: 10_000,
    idle_in_transaction_session_timeout: 10_000,
    types: {
      getTypeParser: (oid, format) =>
        oid === types.builtins.INT8 ? toSafeInteger : types.getTypeParser(oid, format),
    },
  });
  const probe = new Pool({
    ...shared,
    max: 1,
    connectionTimeoutMillis: probeMs,
    statement_timeout: probeMs,
    query_timeout: probeMs,
  });
  // Without listeners, an error of a connection, idle or between two statements, would end the
  // process.
  for (const each of [pool, probe]) {
    each.on('error', (error) => log?.(`A database connection broke: ${error.message}`));
    each.on('connect', (client) => client.on('error', () => undefined));
  }
  return kyselyStore({ flavor: postgresFlavor(), engine: postgresEngine({ pool, probe }) });
}

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`The database holds ${text}, more than a number can.`);
  }
  return value;
}
