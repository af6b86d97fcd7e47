import { expect, it } from 'vitest';
import { cacheControl } from './cache-control.ts';

it.each([
  [true, 'a/b.png', '', 'public, max-age=31536000, immutable'],
  [false, 'a/b.png', '', 'public, max-age=60, must-revalidate'],
  [true, 'a,b.png', '', 'public, max-age=60, must-revalidate'],
  [true, 'a/b.png', 'v=1', 'public, max-age=31536000, immutable'],
  [true, 'a/b.png', 'from=admin', 'private, no-store'],
  [false, 'a/b.png', 'x=1&from=admin', 'private, no-store'],
])('given once: %s, asked for as %s?%s: %s', (givenOnce, path, query, expected) => {
  expect(
    cacheControl({ path: 'a/b.png', givenOnce }, { path, query: new URLSearchParams(query) }),
  ).toBe(expected);
});
