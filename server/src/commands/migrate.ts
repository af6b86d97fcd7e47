import { fail } from '../core/errors.ts';
import { acceptSecretKey } from '../nodes.ts';
import { loadConfigOrExplain } from './load.ts';
import { readArguments } from './read-arguments.ts';
import { withDatabase } from './with-metadata.ts';

const usage = `Usage:
  stowage migrate [--accept-secret-key]

Brings the database up to date.

  --accept-secret-key   from now on, the configured STOWAGE_SECRET_KEY is the one of all nodes
`;

export async function migrate(args: readonly string[]): Promise<number> {
  const given = readArguments(args, {
    usage,
    options: { 'accept-secret-key': { type: 'boolean', default: false } },
  });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  return withDatabase(config, async (metadata) => {
    const ran = await metadata.migrate();
    if (given.values['accept-secret-key']) {
      if (config.secretKey === undefined) {
        throw fail('conflict', { message: 'STOWAGE_SECRET_KEY is not set.' });
      }
      await acceptSecretKey(config.secretKey, metadata.settings);
    }
    process.stdout.write(
      ran.length === 0 ? 'The database is up to date.\n' : `Migrated: ${ran.join(', ')}\n`,
    );
    return 0;
  });
}
