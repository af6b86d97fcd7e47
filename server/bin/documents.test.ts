import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { generateDocuments } from './documents.ts';

const documents = await generateDocuments();

describe('generated documents', () => {
  it.each(documents)('$path is fresh (else: npm run docs)', async ({ path, text }) => {
    const stored = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8').catch(
      () => '',
    );
    expect(stored === text || `${path} is stale: run \`npm run docs\``).toBe(true);
  });
});
