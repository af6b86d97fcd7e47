import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** A source file that a comment or a document names must exist. Its folders may be left out. */
const root = fileURLToPath(new URL('../../../', import.meta.url));
// `server/docs` is the copy of `docs` that packing leaves behind.
const exclude = ['**/node_modules/**', '**/dist/**', 'server/docs/**'];
const sources = globSync('{server,client,bench}/**/*.ts', { cwd: root, exclude }).sort();
const documents = globSync(['*.md', '{docs,server,client}/**/*.md'], { cwd: root, exclude });

const comment = /\/\*[\s\S]*?\*\/|(?<![:'"`/])\/\/[^\n]*/g;
const name = /(?:[\w.*-]+\/)*[\w*-][\w.*-]*\.ts\b/g;

function exists(path: string): boolean {
  const pattern = path.split('*').map((part) => RegExp.escape(part));
  const wanted = new RegExp(`(?:^|/)${pattern.join('[^/]*')}$`);
  return sources.some((source) => wanted.test(source));
}

function missingIn(text: string): readonly string[] {
  // `{a,b}.ts` and `<type>.ts` are patterns, `x.test.ts` and lines of a diff are examples.
  const plain = text.replaceAll(/```diff[\s\S]*?```|[\w/.-]*(?:\{[^}]*\}|<[^>]*>)[\w/.<>-]*/g, '');
  return [...plain.matchAll(name)]
    .map(([path]) => path)
    .filter((path) => {
      return path !== 'x.test.ts' && !path.startsWith('*') && !exists(path);
    });
}

describe('files that are named', () => {
  it('exist, in comments', async () => {
    const missing = sources.map(async (source) => {
      const text = await readFile(root + source, 'utf8');
      return missingIn((text.match(comment) ?? []).join('\n')).map((path) => `${source}: ${path}`);
    });
    expect((await Promise.all(missing)).flat()).toEqual([]);
  });

  it('exist, in documents', async () => {
    const missing = documents
      .filter((document) => document !== 'CHANGELOG.md')
      .map(async (document) => {
        const text = await readFile(root + document, 'utf8');
        return missingIn(text).map((path) => `${document}: ${path}`);
      });
    expect((await Promise.all(missing)).flat()).toEqual([]);
  });
});
