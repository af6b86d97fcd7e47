/**
 * Where a text stops being JSON, without quoting it: `line 5, column 3 (a comma too many?)`.
 * Undefined when it is JSON.
 */
export function jsonFault(text: string): string | undefined {
  const at = faultOffset(text);
  if (at === undefined) {
    return undefined;
  }
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  const hint = hintFor(text, at);
  return `line ${line}, column ${column}${hint === '' ? '' : ` (${hint})`}`;
}

function hintFor(text: string, at: number): string {
  if (at >= text.length) {
    return 'it ends too early';
  }
  if (/^\/[/*]/.test(text.slice(at, at + 2))) {
    return 'JSON has no comments';
  }
  if (text[at] === "'") {
    return 'JSON has only double quotes';
  }
  if (/[}\]]/.test(text[at] ?? '') && /,\s*$/.test(text.slice(0, at))) {
    return 'the comma before it is one too many';
  }
  return /["{[\w]\s*$/.test(text.slice(0, at)) && text[at] === '"' ? 'is a comma missing?' : '';
}

const scalar =
  /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy;

class Fault extends Error {
  readonly at: number;

  constructor(at: number) {
    super('not JSON');
    this.at = at;
  }
}

function faultOffset(text: string): number | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch {
    return readDocument(text);
  }
}

/** Reads what the parser has refused, up to the place of the fault. */
function readDocument(text: string): number {
  let at = 0;
  const blanks = (): void => {
    while (/[ \t\r\n]/.test(text[at] ?? '')) {
      at++;
    }
  };
  const expect = (character: string): void => {
    blanks();
    if (text[at] !== character) {
      throw new Fault(at);
    }
    at++;
  };
  const readScalar = (first?: string): void => {
    blanks();
    scalar.lastIndex = at;
    const [found] =
      (first === undefined || text[at] === first ? scalar.exec(text) : undefined) ?? [];
    if (found === undefined) {
      throw new Fault(at);
    }
    at += found.length;
  };
  const readList = (end: string, readItem: () => void): void => {
    at++;
    blanks();
    if (text[at] === end) {
      at++;
      return;
    }
    for (;;) {
      readItem();
      blanks();
      if (text[at] === end) {
        break;
      }
      expect(',');
    }
    at++;
  };
  const readMember = (): void => {
    readScalar('"');
    expect(':');
    readValue();
  };
  const readValue = (): void => {
    blanks();
    if (text[at] === '{') {
      readList('}', readMember);
    } else if (text[at] === '[') {
      readList(']', readValue);
    } else {
      readScalar();
    }
  };
  try {
    readValue();
    blanks();
    return at;
  } catch (error) {
    if (error instanceof Fault) {
      return error.at;
    }
    throw error;
  }
}
