import { describe, expect, it } from 'vitest';
import { createReporter, formatLink } from './output.ts';

function reporterOf(count: number, isTTY: boolean) {
  let written = '';
  const write = (text: string) => {
    written += text;
  };
  const reporter = createReporter(count, { isTTY, write });
  return { reporter, written: () => written };
}

describe('progress', () => {
  it('on a terminal is one line that is redrawn and removed', () => {
    const { reporter, written } = reporterOf(2, true);
    reporter.begin('a.jpg');
    reporter.progress(1, 4);
    reporter.note('uploading in parts');
    reporter.progress(4, 4);
    reporter.end();
    const clear = '\r\u001b[K';
    expect(written()).toBe(
      `${clear}1 of 2: a.jpg${clear}1 of 2: a.jpg 25 %${clear}uploading in parts\n${clear}1 of 2: a.jpg 100 %${clear}`,
    );
  });

  it('elsewhere is the count at the end, and nothing for one file', () => {
    const many = reporterOf(200, false);
    for (let index = 0; index < 200; index++) {
      many.reporter.begin('a.jpg');
      many.reporter.progress(1, 1);
      many.reporter.end();
    }
    expect(many.written()).toMatch(/(^|\n)200 of 200\n$/);
    expect(many.written().split('\n').length).toBeLessThan(10);
    const one = reporterOf(1, false);
    one.reporter.begin('a.jpg');
    one.reporter.end();
    expect(one.written()).toBe('');
  });
});

it.each([
  ['md', '![a](http://h/a%28b%29)'],
  ['html', '<img src="http://h/a(b)" alt="a">'],
] as const)('addresses with brackets stay whole as %s', (format, line) => {
  expect(formatLink(format, 'http://h/a(b)', { name: 'a', type: 'image/png' })).toBe(line);
});
