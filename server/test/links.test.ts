import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = globSync(['*.md', 'docs/**/*.md', 'client/*.md', 'server/*.md', 'bench/**/*.md'], {
  cwd: root,
});

/** Without fenced blocks, where brackets mean something else. */
function proseOf(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/^```.*?^```/gms, '');
}

/** As GitHub makes them of headings. */
function anchorsOf(path: string): readonly string[] {
  return [...proseOf(path).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('links within the documents', () => {
  it.each(pages.map((page) => [page]))('%s', (page) => {
    const path = resolve(root, page);
    const links = [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link));
    const dead = links.filter((link) => {
      const [file = '', anchor] = link.split('#', 2);
      const target = file === '' ? path : resolve(dirname(path), file);
      if (!existsSync(target) || relative(root, target).startsWith('..')) {
        return true;
      }
      return (
        anchor !== undefined &&
        (statSync(target).isDirectory() || !anchorsOf(target).includes(anchor))
      );
    });
    expect(dead).toEqual([]);
  });

  it('are checked in the pages that people read first', () =>
    expect(pages).toEqual(
      expect.arrayContaining([
        'README.md',
        'docs/clients.md',
        'docs/operations.md',
        'docs/configuration.md',
      ]),
    ));
});
