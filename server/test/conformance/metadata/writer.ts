import { randomBytes, randomInt } from 'node:crypto';
import { hashOf } from '../../../src/core/streams/hash.ts';
import { openMetadata } from '../../../src/metadata/index.ts';
import { newFile } from './fixtures.ts';

// A process for others to kill: `node writer.ts migrate|write FOLDER [DATABASE_URL]`. Says the
// ids of each file and the hash of its row once they are promised.
const [task, dataDir = '', databaseUrl] = process.argv.slice(2);
const store = await openMetadata({
  dataDir,
  durability: 'full',
  ...(databaseUrl && { databaseUrl }),
});
const ran = await store.migrate();

if (task === 'migrate') {
  process.stdout.write(`${JSON.stringify(ran)}\n`);
  await store.close();
} else {
  await Promise.all(Array.from({ length: 16 }, write));
}

async function write(): Promise<never> {
  for (;;) {
    const input = newFile({ row: store.smallObjects && randomBytes(randomInt(30_000)) });
    await store.files.add(input);
    const row = hashOf(input.row ?? new Uint8Array());
    process.stdout.write(`${input.file.id} ${input.blob.id} ${row}\n`);
  }
}
