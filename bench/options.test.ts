import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';

describe('the command line of the bench', () => {
  it('measures three rounds in full size by default', () => {
    expect(readOptions([])).toMatchObject({ rounds: 3, scale: 1, writeDocs: false });
  });

  it('may be short, and what is named wins', () => {
    expect(readOptions(['--quick', '--rounds', '2'])).toMatchObject({ rounds: 2, scale: 0.1 });
  });

  it('returns nothing when asked for help', () => {
    expect(readOptions(['--help'])).toBeUndefined();
  });

  it.each([
    ['an unknown scenario', ['--only', 'small,larg'], 'There is no scenario larg; there are small'],
    [
      'what is no number',
      ['--rounds', 'two'],
      '--rounds is a whole number of at least 1, not two.',
    ],
    ['too little to warm up', ['--warm-up', '0'], '--warm-up is a whole number of at least 500'],
    ['no size at all', ['--scale', '0'], '--scale is a number above 0, not 0.'],
    ['an unknown option', ['--fast'], '--fast'],
  ])('refuses %s', (_, args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
