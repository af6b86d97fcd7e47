import type { Config } from '../config.ts';
import type { MetadataOptions } from '../metadata/index.ts';

/** The settings of the database. */
export function metadataOptions(config: Config): MetadataOptions {
  return {
    dataDir: config.dataDir,
    durability: config.sqliteDurability,
    poolSize: config.databasePoolSize,
    databaseUrl: config.databaseUrl,
  };
}
