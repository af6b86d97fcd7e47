import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { isStowageError } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { prepareDataFolder } from '../data-folder.ts';
import { openMetadata } from '../metadata/index.ts';
import { explainError } from './explain.ts';
import { metadataOptions } from './metadata-options.ts';

/**
 * Runs a command on the existing database and closes it. Returns 1, with a sentence on standard
 * error, when the database does not exist, needs a migration, or cannot be used.
 */
export function withMetadata(
  config: Config,
  work: (metadata: MetadataStore) => Promise<number>,
): Promise<number> {
  const problem = whyNoLibrary(config);
  if (problem !== undefined) {
    return Promise.resolve(explain(problem));
  }
  return withDatabase(config, async (metadata) => {
    const pending = await metadata.pendingMigrations();
    if (pending.length === 0) {
      return work(metadata);
    }
    return explain(
      `The database was made by an older version (missing: ${pending.join(', ')}). Start this version's server once, or run \`stowage migrate\`.`,
    );
  });
}

/** Undefined when there is a library to work on. */
export function whyNoLibrary({ databaseUrl, dataDir }: Config): string | undefined {
  const isNoFolder = statSync(dataDir, { throwIfNoEntry: false })?.isDirectory() === false;
  // Opening it gives a better error for a path that is not a folder.
  if (databaseUrl !== undefined || isNoFolder || existsSync(join(dataDir, 'stowage.db'))) {
    return undefined;
  }
  return `There is no Stowage data in ${dataDir}. Start the server once, run this in the folder where it starts, or name its data folder by STOWAGE_DATA_DIR.`;
}

/** As `withMetadata`, on a database that may be empty or old. */
export async function withDatabase(
  config: Config,
  work: (metadata: MetadataStore) => Promise<number>,
): Promise<number> {
  let metadata: MetadataStore | undefined;
  try {
    await prepareDataFolder(config.dataDir);
    metadata = await openMetadata(metadataOptions(config));
    return await work(metadata);
  } catch (error) {
    if (!isStowageError(error)) {
      throw error;
    }
    return explain(explainError(error));
  } finally {
    await metadata?.close();
  }
}

function explain(sentence: string): number {
  process.stderr.write(`${sentence}\n`);
  return 1;
}
