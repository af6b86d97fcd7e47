import { loadConfigOrExplain } from './load.ts';
import { withMetadata } from './with-metadata.ts';

export async function migrate(): Promise<number> {
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  return withMetadata(config, async (metadata) => {
    const ran = await metadata.migrate();
    process.stdout.write(ran.length === 0 ? 'The database is up to date.\n' : `Migrated: ${ran.join(', ')}\n`);
    return 0;
  });
}
