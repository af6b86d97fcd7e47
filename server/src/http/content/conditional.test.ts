import { describe, expect, it } from 'vitest';
import { preconditionStatus, rangeApplies } from './conditional.ts';

const now = { etag: '"abc"', lastModifiedAt: Date.parse('Sun, 06 Nov 1994 08:49:37.500 GMT') };
const same = 'Sun, 06 Nov 1994 08:49:37 GMT';
const before = 'Sun, 06 Nov 1994 08:49:36 GMT';
const after = 'Sun, 06 Nov 1994 08:49:38 GMT';

describe('preconditionStatus', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'if-none-match': '"abc"' }, 304],
    [{ 'if-none-match': 'W/"abc"' }, 304],
    [{ 'if-none-match': '"x", W/"y" ,"abc"' }, 304],
    [{ 'if-none-match': '"a,b", "abc"' }, 304],
    [{ 'if-none-match': ' * ' }, 304],
    [{ 'if-none-match': '"abcd"' }, undefined],
    [{ 'if-none-match': 'abc' }, undefined],
    [{ 'if-none-match': '' }, undefined],
    [{ 'if-none-match': '"x"', 'if-modified-since': after }, undefined],
    [{ 'if-modified-since': same }, 304],
    [{ 'if-modified-since': after }, 304],
    [{ 'if-modified-since': before }, undefined],
    [{ 'if-modified-since': 'yesterday' }, undefined],
    [{ 'if-modified-since': '1' }, undefined],
    [{ 'if-match': '"abc"' }, undefined],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-match': '"x", "abc"' }, undefined],
    [{ 'if-match': 'W/"abc"' }, 412],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 412],
    [{ 'if-match': '"abc"', 'if-unmodified-since': before }, undefined],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': same }, undefined],
    [{ 'if-unmodified-since': 'nonsense' }, undefined],
    [{ 'if-match': '"abc"', 'if-none-match': '"abc"' }, 304],
  ])('%j: %s', (headers, status) => expect(preconditionStatus(headers, now)).toBe(status));
});

describe('rangeApplies', () => {
  it.each([
    [undefined, true],
    ['"abc"', true],
    ['"abd"', false],
    ['W/"abc"', false],
    [same, true],
    [before, false],
    [after, false],
    ['nonsense', false],
  ])('If-Range: %s is %s', (condition, applies) =>
    expect(rangeApplies({ ...(condition && { 'if-range': condition }) }, now)).toBe(applies),
  );
});
