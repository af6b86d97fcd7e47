import { openMetadata } from '../metadata/index.ts';
import { loadConfigOrExplain } from './load.ts';
import { metadataOptions } from './metadata-options.ts';

export async function migrate(): Promise<number> {
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  const metadata = await openMetadata(await metadataOptions(config));
  try {
    const ran = await metadata.migrate();
    process.stdout.write(ran.length === 0 ? 'The database is up to date.\n' : `Migrated: ${ran.join(', ')}\n`);
    return 0;
  } finally {
    await metadata.close();
  }
}
