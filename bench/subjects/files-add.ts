/**
 * Writes files to the metadata store of one checkout. Arguments: the folder of the checkout, the
 * URL of the database. Takes the number of files as a message and answers with an `Outcome`.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MetadataStore } from '../../server/src/core/metadata.ts';
import type { newFile as NewFile } from '../../server/test/conformance/metadata/fixtures.ts';
import { type Outcome, percentile, secondsOf } from '../outcome.ts';

const CALLERS = 32;
const [root = '', databaseUrl] = process.argv.slice(2);
const load = (path: string) => import(pathToFileURL(join(root, path)).href);
const { openMetadata } = await load('server/src/metadata/index.ts');
const { newFile }: { newFile: typeof NewFile } = await load(
  'server/test/conformance/metadata/fixtures.ts',
);
const store: MetadataStore = await openMetadata({ databaseUrl, dataDir: '', durability: 'full' });
await store.migrate();

process.on('message', (count: number) => {
  addFiles(count).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      console.error(error);
      process.send?.({ error: String(error) });
    },
  );
});
console.log('ready');

async function addFiles(count: number): Promise<Outcome> {
  const waits: number[] = [];
  let next = 0;
  const caller = async () => {
    while (next++ < count) {
      const started = performance.now();
      await store.files.add(newFile());
      waits.push(performance.now() - started);
    }
  };
  const seconds = await secondsOf(() => Promise.all(Array.from({ length: CALLERS }, caller)));
  return {
    seconds,
    requests: count,
    p50Ms: percentile(waits, 50),
    p99Ms: percentile(waits, 99),
  };
}
