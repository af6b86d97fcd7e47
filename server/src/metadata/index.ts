import { join } from 'node:path';
import type { MetadataStore } from '../core/metadata.ts';

export interface MetadataOptions {
  /** `postgres://...`; absent means SQLite in `dataDir`. */
  readonly databaseUrl?: string | undefined;
  readonly dataDir: string;
  /** SQLite: whether changes survive power loss, too. */
  readonly durability: 'full' | 'normal';
  /** PostgreSQL: maximum number of connections. Default 10. */
  readonly poolSize?: number;
  /** SQLite: reserves space for essential writes on a full disk. For the process that serves. */
  readonly ballast?: boolean;
  readonly log?: ((message: string) => void) | undefined;
}

/**
 * Opens the store without changing its schema: call `migrate()` next. Throws `service_unavailable`
 * when the database cannot be opened.
 */
export async function openMetadata(options: MetadataOptions): Promise<MetadataStore> {
  const { databaseUrl, dataDir, durability, ballast = false, log } = options;
  if (databaseUrl !== undefined) {
    const { openPostgres } = await import('./postgres/postgres.ts');
    return openPostgres({
      url: databaseUrl,
      poolSize: options.poolSize ?? 10,
      log,
    });
  }
  const { openSqlite } = await import('./sqlite/sqlite.ts');
  return openSqlite({
    path: join(dataDir, 'stowage.db'),
    durability,
    ballast,
    log,
  });
}
