import { writeFile } from 'node:fs/promises';
import { generateDocuments } from './documents.ts';

for (const { path, text } of await generateDocuments()) {
  await writeFile(new URL(`../../${path}`, import.meta.url), text);
  console.log(`wrote ${path}`);
}
