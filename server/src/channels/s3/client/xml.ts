/** An element of a response. Attributes are left out: the S3 API says nothing by them. */
export interface XmlElement {
  readonly name: string;
  /** Its own text, entities decoded. Blanks count. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** No response of the S3 API comes near these. */
const maxDepth = 32;
const maxElements = 20_000;

interface OpenElement extends XmlElement {
  text: string;
  readonly children: OpenElement[];
}

/**
 * The root element of a document; undefined when the text is no well-formed XML, stops early, or is
 * larger than any response. Document types are refused with the entities that they could define.
 * Takes time in proportion to the length.
 */
export function parseXml(document: string): XmlElement | undefined {
  const text = document.replace(/\r\n?/g, '\n');
  const tree = createTree();
  for (let at = 0; at < text.length; ) {
    const markup = text[at] === '<' ? readMarkup(text, at) : readText(text, at);
    if (markup === undefined || !tree.add(markup)) {
      return undefined;
    }
    at = markup.end;
  }
  return tree.root();
}

function createTree() {
  const top: OpenElement = { name: '', text: '', children: [] };
  const open: OpenElement[] = [top];
  let elements = 0;

  const begin = (name: string, isEmpty: boolean): boolean => {
    const element: OpenElement = { name, text: '', children: [] };
    open.at(-1)?.children.push(element);
    if (!isEmpty) {
      open.push(element);
    }
    return ++elements <= maxElements && open.length <= maxDepth;
  };

  return {
    /** False when this cannot come here. */
    add({ kind, value }: Markup): boolean {
      const current = open.at(-1) as OpenElement;
      switch (kind) {
        case 'nothing':
          return true;
        case 'text':
          current.text += value;
          return true;
        case 'close':
          return open.length > 1 && open.pop()?.name === value;
        default:
          return begin(value, kind === 'empty');
      }
    },
    root(): XmlElement | undefined {
      const isWhole = open.length === 1 && top.children.length === 1 && top.text.trim() === '';
      return isWhole ? top.children[0] : undefined;
    },
  };
}

interface Markup {
  readonly kind: 'open' | 'empty' | 'close' | 'text' | 'nothing';
  /** Name of the element, or text. */
  readonly value: string;
  readonly end: number;
}

function readText(text: string, at: number): Markup {
  const next = text.indexOf('<', at);
  const end = next < 0 ? text.length : next;
  return { kind: 'text', value: decodeEntities(text.slice(at, end)), end };
}

/** What begins with the `<` at this place. */
function readMarkup(text: string, at: number): Markup | undefined {
  if (text.startsWith('<!--', at)) {
    return between(text, { from: at + 4, to: '-->', kind: 'nothing' });
  }
  if (text.startsWith('<![CDATA[', at)) {
    return between(text, { from: at + 9, to: ']]>', kind: 'text' });
  }
  if (text.startsWith('<?', at)) {
    return between(text, { from: at + 2, to: '?>', kind: 'nothing' });
  }
  return readTag(text, at);
}

function between(
  text: string,
  part: { from: number; to: string; kind: Markup['kind'] },
): Markup | undefined {
  const end = text.indexOf(part.to, part.from);
  return end < 0
    ? undefined
    : { kind: part.kind, value: text.slice(part.from, end), end: end + part.to.length };
}

function readTag(text: string, at: number): Markup | undefined {
  const end = endOfTag(text, at + 1);
  if (end === undefined) {
    return undefined;
  }
  const inside = text.slice(at + 1, end);
  const [, slash = '', name] = /^(\/?)([A-Za-z_][\w.:-]*)(?=[\s/]|$)/.exec(inside) ?? [];
  if (name === undefined) {
    return undefined;
  }
  const kind = slash === '/' ? 'close' : inside.endsWith('/') ? 'empty' : 'open';
  return { kind, value: name, end: end + 1 };
}

/** Index of the `>` that ends a tag: one in a quoted attribute does not. */
function endOfTag(text: string, from: number): number | undefined {
  const marks = /["'<>]/g;
  marks.lastIndex = from;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '>') {
      return mark.index;
    }
    const closing = mark[0] === '<' ? -1 : text.indexOf(mark[0], mark.index + 1);
    if (closing < 0) {
      return undefined;
    }
    marks.lastIndex = closing + 1;
  }
  return undefined;
}

const named: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** What is no entity stays as it is. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) {
    return text;
  }
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/g,
    (whole, hex, decimal, name) => {
      if (name !== undefined) {
        return named.get(name) ?? whole;
      }
      const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return point > 0x10_ff_ff ? whole : String.fromCodePoint(point);
    },
  );
}

/** The text of the first child with this name. */
export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return element?.children.find((child) => child.name === name)?.text;
}

/** The texts of all children with this name. */
export function textsOf(element: XmlElement, name: string): readonly string[] {
  return element.children.filter((child) => child.name === name).map(({ text }) => text);
}

/** An element with text or with elements in it; what is undefined is left out. */
export function toXml(name: string, content: string | readonly string[] | undefined): string {
  if (content === undefined) {
    return '';
  }
  return `<${name}>${typeof content === 'string' ? escapeText(content) : content.join('')}</${name}>`;
}

const escapes: ReadonlyMap<string, string> = new Map(
  [...named].map(([name, mark]) => [mark, `&${name};`]),
);

function escapeText(text: string): string {
  return text.replace(
    /[&<>"'\r\n\u0085\u2028]/g,
    (mark) => escapes.get(mark) ?? `&#${mark.codePointAt(0)};`,
  );
}
