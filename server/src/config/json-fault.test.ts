import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from './json-fault.ts';

describe('where a text stops being JSON', () => {
  it.each([
    ['{"a": 1,}', 'line 1, column 9 (the comma before it is one too many)'],
    ['{\n  "a": [1, 2,\n  ]\n}', 'line 3, column 3 (the comma before it is one too many)'],
    ['{\r\n  "a": 1\r\n  "b": 2\r\n}', 'line 3, column 3 (is a comma missing?)'],
    ['{"a": 1 // port\n}', 'line 1, column 9 (JSON has no comments)'],
    ['/* x */ {}', 'line 1, column 1 (JSON has no comments)'],
    ["{'a': 1}", 'line 1, column 2 (JSON has only double quotes)'],
    ['{a: 1}', 'line 1, column 2'],
    ['{"a": True}', 'line 1, column 7'],
    ['{"a": "x\ny"}', 'line 1, column 7'],
    ['{"a": "\\q"}', 'line 1, column 7'],
    ['{"a": 01}', 'line 1, column 8'],
    ['{"a" 1}', 'line 1, column 6'],
    ['{"a": 1', 'line 1, column 8 (it ends too early)'],
    ['{}}', 'line 1, column 3'],
  ])('%j: %s', (text, where) => expect(jsonFault(text)).toBe(where));

  it('is nowhere in JSON, and somewhere in all else', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(4),
        (value, indent) => jsonFault(JSON.stringify(value, null, indent)) === undefined,
      ),
    );
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', 'null', ' ', '\n', '"', '-'),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        return (jsonFault(text) === undefined) === isJson(text);
      }),
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
