import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * A route lists failures that it does not throw itself, such as those of `core`, with an example of
 * their sentence. Such a copy must be what is thrown: a stale one describes an API that is not
 * there any more.
 */
const root = fileURLToPath(new URL('../../src/', import.meta.url));
const names = globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] });
const sources = await Promise.all(names.map((name) => readFile(`${root}${name}`, 'utf8')));

const lists = /ailures(?:: readonly Failure\[\] = \[|: \[)[\s\S]*?\n {0,2}\][,;]/g;
const sentence = /message:\s*((?:'(?:[^'\\]|\\.)*'(?:\s*\+\s*)?)+)/g;

interface Listed {
  readonly where: string;
  readonly text: string;
}

const listed: readonly Listed[] = sources.flatMap((source, at) =>
  [...source.matchAll(lists)].flatMap(([list]) =>
    [...list.matchAll(sentence)].map(([, text = '']) => ({
      where: names[at] ?? '',
      text: unquoted(text).replace(/^Failed to [a-z ]+ - /, ''),
    })),
  ),
);

/**
 * What may be thrown: every text of the sources outside those lists, with a gap for each `${...}`.
 */
const thrown = sources
  .map((source) => source.replaceAll(lists, ''))
  .flatMap((source) => [...source.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)])
  .map(([, plain, template]) => (plain ?? template ?? '').split(/\$\{[^}]*\}/))
  // A text with hardly a word of its own would be like every sentence.
  .filter((parts) => parts.join('').replaceAll(/\W/g, '').length >= 8)
  .map((parts) => new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('.*')}`));

function unquoted(text: string): string {
  return text
    .replaceAll(/'\s*\+\s*'/g, '')
    .replaceAll(/^'|'$/g, '')
    .replaceAll("\\'", "'");
}

describe('sentences of listed failures', () => {
  it('are many', () => expect(listed.length).toBeGreaterThan(20));

  it.each(listed)('$where: $text', ({ text }) => {
    expect(thrown.some((matches) => matches.test(text))).toBe(true);
  });
});
