import type { Config } from '../config.ts';
import { isStowageError } from '../core/errors.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { openMetadata } from '../metadata/index.ts';
import { explainError } from './explain.ts';
import { metadataOptions } from './metadata-options.ts';

/** Runs a command on the database and closes it; 1 and a sentence on standard error when it cannot be used. */
export async function withMetadata(config: Config, work: (metadata: MetadataStore) => Promise<number>): Promise<number> {
  let metadata: MetadataStore | undefined;
  try {
    metadata = await openMetadata(await metadataOptions(config));
    return await work(metadata);
  } catch (error) {
    if (!isStowageError(error)) throw error;
    process.stderr.write(`${explainError(error)}\n`);
    return 1;
  } finally {
    await metadata?.close();
  }
}
