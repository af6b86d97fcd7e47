import { parseXML } from '@aws-sdk/xml-builder';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseXml, textOf, textsOf, toXml, type XmlElement } from './xml.ts';

interface Tree {
  readonly name: string;
  readonly content: string | readonly Tree[];
}

const name = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,12}$/)
  .filter((text) => text !== '__proto__');
const unit = fc.oneof(
  fc.constantFrom('&', '<', '>', '"', "'", ' ', '\n', ']]>', '&amp;', '&#65;', '\r\n'),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
);
// A text of blanks and line ends is layout to the SDK.
const text = fc
  .array(unit, { maxLength: 8 })
  .map((units) => units.join('').replaceAll('\0', ''))
  .map((joined) => (joined.trim() === '' ? '' : joined));
const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    name,
    content: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    ),
  }),
})).tree;

/** The document in one of the forms that a service may write it in. */
function write({ name: tag, content }: Tree, style: number): string {
  if (content === '' && style % 2 === 0) {
    return `<${tag}/>`;
  }
  if (typeof content === 'string') {
    return `<${tag}>${writeText(content, style)}</${tag} >`;
  }
  const comment = style % 3 === 0 ? '<!-- <a> & " -->' : '<?note a > b?>';
  return `<${tag}>\n  ${content.map((child) => write(child, style + 1)).join(comment)}\n</${tag}>`;
}

function writeText(content: string, style: number): string {
  if (style % 4 === 0) {
    return content
      .split(']]>')
      .map((part) => `<![CDATA[${part}]]>`)
      .join(']]&gt;');
  }
  const marks = ['&#38;', '&#60;', '&#x3E;', '&quot;', '&apos;'];
  return content.replace(/[&<>"']/g, (mark) => marks['&<>"\''.indexOf(mark)] as string);
}

/** In the form that the SDK's parser gives. */
function asTheirs(element: XmlElement): unknown {
  if (element.children.length === 0) {
    return element.text;
  }
  const groups: Record<string, unknown[]> = Object.create(null);
  for (const child of element.children) {
    groups[child.name] ??= [];
    groups[child.name]?.push(asTheirs(child));
  }
  return Object.fromEntries(
    Object.entries(groups).map(([key, values]) => [key, values.length === 1 ? values[0] : values]),
  );
}

describe('beside the parser of the SDK', () => {
  it('reads the same out of every document', () => {
    fc.assert(
      fc.property(tree, fc.nat(11), (document, style) => {
        const xml = `<?xml version="1.0" encoding="UTF-8"?>\n${write(document, style)}\n`;
        const root = parseXml(xml);
        expect(root && { [root.name]: asTheirs(root) }).toEqual(parseXML(xml));
      }),
      { numRuns: 400 },
    );
  });

  it('writes what it reads as the same', () => {
    fc.assert(
      fc.property(
        name,
        fc
          .string({ unit: 'grapheme' })
          .filter((value) => value.trim() !== '' && !/[\0\r\n]/.test(value)),
        (tag, value) => {
          const xml = toXml('Root', [toXml(tag, value), toXml('Left', undefined)]);
          expect(parseXML(xml)).toEqual({ Root: { [tag]: value } });
          expect(textOf(parseXml(xml), tag)).toBe(value);
        },
      ),
    );
  });
});

it('no part of a document is one, so that an answer which was cut is noticed', () => {
  fc.assert(
    fc.property(
      tree,
      fc.nat(11),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (document, style, share) => {
        const xml = write(document, style);
        expect(parseXml(xml.slice(0, Math.floor(xml.length * share)))).toBeUndefined();
      },
    ),
  );
});

it('takes attributes and prefixes, also with angle brackets in them', () => {
  const root = parseXml(`<s3:A xmlns:s3="http://a/" b='>"' c="<'/>"><B d="/">x</B><B/></s3:A>`);
  expect(root?.name).toBe('s3:A');
  expect(textsOf(root as XmlElement, 'B')).toEqual(['x', '']);
});

it.each([
  ['nothing', ''],
  ['plain text', 'nothing & nobody <'],
  ['two roots', '<A/><B/>'],
  ['text beside the root', '<A/>b'],
  ['an end too many', '<A></A></A>'],
  ['crossed ends', '<A><B></A></B>'],
  ['a page', '<html><p>Bad<br>Gateway</html>'],
  ['a document type', '<!DOCTYPE A [<!ENTITY e "x">]><A>&e;</A>'],
  ['a document type further down', '<A><!DOCTYPE B></A>'],
  ['a name that is none', '<1A></1A>'],
  ['an open quote', '<A b="></A>'],
  ['JSON', '{"Code":"AccessDenied"}'],
])('%s is no document', (_, xml) => {
  expect(parseXml(xml)).toBeUndefined();
});

it('leaves alone what is no entity', () => {
  expect(parseXml('<A>&nbsp;&#xFFFFFF;&;&amp</A>')?.text).toBe('&nbsp;&#xFFFFFF;&;&amp');
});

it.each([
  ['depth', '<A>'.repeat(300_000)],
  ['closed depth', `${'<A>'.repeat(100_000)}${'</A>'.repeat(100_000)}`],
  ['breadth', `<A>${'<B/>'.repeat(250_000)}</A>`],
  ['angle brackets', '<'.repeat(1_000_000)],
  ['one long name', `<${'A'.repeat(1_000_000)}`],
  ['open quotes', '<A b="'.repeat(150_000)],
  ['attributes', `<A ${'b="c" '.repeat(150_000)}`],
  ['open comments', '<!--'.repeat(250_000)],
  ['open sections', '<A><![CDATA['.repeat(80_000)],
  ['entities', `<A>${'&'.repeat(1_000_000)}`],
  ['half entities', `<A>${'&#x'.repeat(300_000)}`],
  ['blanks', `<A${' '.repeat(1_000_000)}`],
])('hostile %s ends soon', (_, xml) => {
  const before = process.cpuUsage();
  expect(parseXml(xml)).toBeUndefined();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(500);
});
