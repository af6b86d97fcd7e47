import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Optional inputs are typed `x?: T | undefined` and passed straight. So nothing spreads an object
 * on a condition (`...(x !== undefined && { x })`), nor a literal (`...{ a, b }`).
 */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const names = globSync(['server/src/**/*.ts', 'client/src/**/*.ts'], {
  cwd: root,
  exclude: ['**/*.test.ts'],
}).sort();

/** Folders that still have some. This list only shrinks. */
const unfinished: readonly string[] = [
  'server/src/core/guard/',
  'server/src/core/imports/',
  'server/src/core/storage/',
  'server/src/http/media/',
  'server/src/http/relay/',
  'server/src/outbound/',
];

/** The expressions spread by `...(`, and `...{` as it is. */
function spreadsOf(source: string): readonly string[] {
  return [...source.matchAll(/\.\.\.[({]/g)].map(({ 0: start, index }) =>
    start === '...{' ? start : parenthesised(source, index + 3),
  );
}

function parenthesised(source: string, start: number): string {
  let depth = 0;
  for (let at = start; at < source.length; at++) {
    depth += source[at] === '(' ? 1 : source[at] === ')' ? -1 : 0;
    if (depth === 0) {
      return source.slice(start + 1, at);
    }
  }
  return '';
}

function isForbidden(expression: string): boolean {
  return expression === '...{' || /&&\s*\{|[^?]\?\s*\{|:\s*\{/.test(withoutNesting(expression));
}

/** Inner parentheses belong to calls, whose arguments may be anything. */
function withoutNesting(expression: string): string {
  const shorter = expression.replaceAll(/\([^()]*\)/g, '');
  return shorter === expression ? expression : withoutNesting(shorter);
}

describe('spreads', () => {
  it.each([
    ['{ ...(x !== undefined && { x }) }', true],
    ['{ ...(isOn(x) ? {} : { x }) }', true],
    ['{ ...{ a, b } }', true],
    ['{ ...(await open({ a: { b } })), name }', false],
    ['[...(isNew ? [one] : [])]', false],
    ['{ ...options }', false],
  ])('recognises %s', (source, isOne) => {
    expect(spreadsOf(source).some(isForbidden)).toBe(isOne);
  });

  it('are neither conditional nor of a literal', async () => {
    const finished = names.filter((name) => !unfinished.some((folder) => name.startsWith(folder)));
    const found = await Promise.all(
      finished.map(async (name) => {
        const spreads = spreadsOf(await readFile(root + name, 'utf8')).filter(isForbidden);
        return spreads.map((spread) => `${name}: ${spread}`);
      }),
    );
    expect(found.flat()).toEqual([]);
  });
});
