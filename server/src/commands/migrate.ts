import { parseArgs } from 'node:util';
import { fail } from '../core/errors.ts';
import { acceptSecretKey } from '../nodes.ts';
import { loadConfigOrExplain } from './load.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage migrate [--accept-secret-key]

Brings the database up to date.

  --accept-secret-key   from now on, the configured STOWAGE_SECRET_KEY is the one of all nodes
`;

export async function migrate(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined || options.help) {
    (options ? process.stdout : process.stderr).write(usage);
    return options ? 0 : 2;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) return 1;
  return withMetadata(config, async (metadata) => {
    const ran = await metadata.migrate();
    if (options['accept-secret-key']) {
      if (config.secretKey === undefined) throw fail('conflict', { message: 'STOWAGE_SECRET_KEY is not set.' });
      await acceptSecretKey(config.secretKey, metadata.settings);
    }
    process.stdout.write(ran.length === 0 ? 'The database is up to date.\n' : `Migrated: ${ran.join(', ')}\n`);
    return 0;
  });
}

function readOptions(args: readonly string[]) {
  try {
    const options = {
      'accept-secret-key': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return undefined;
  }
}
