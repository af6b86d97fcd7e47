import { openMetadata } from '../../../src/metadata/index.ts';
import { newFile } from './fixtures.ts';

// A process for others to kill: `node writer.ts migrate|write FOLDER [DATABASE_URL]`. Says each
// file id once its row is promised.
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
    const input = newFile();
    await store.files.add(input);
    process.stdout.write(`${input.file.id} ${input.blob.id}\n`);
  }
}
