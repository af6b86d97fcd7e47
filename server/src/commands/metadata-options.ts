import type { Config } from '../config.ts';
import { prepareDataFolder } from '../data-folder.ts';
import type { MetadataOptions } from '../metadata/index.ts';

/** What the configuration says of the database; makes the data folder. */
export async function metadataOptions(config: Config): Promise<MetadataOptions> {
  await prepareDataFolder(config.dataDir);
  return {
    dataDir: config.dataDir,
    durability: config.sqliteDurability,
    poolSize: config.databasePoolSize,
    ...(config.databaseUrl !== undefined && { databaseUrl: config.databaseUrl }),
  };
}
