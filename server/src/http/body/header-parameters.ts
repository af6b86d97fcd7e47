/**
 * The parameters of a header such as Content-Disposition, by lower-case name. The first of a name
 * counts. Accepts what clients write against the standards: quotes inside quotes, quotes that never
 * end, tokens with blanks and semicolons. Never throws.
 */
export function parseParameters(value: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (let at = value.indexOf(';'); at !== -1; ) {
    const name = nameAt(value, at + 1);
    if (name === undefined) {
      at = value.indexOf(';', at + 1);
      continue;
    }
    const { text, end } =
      value[name.end] === '"' ? quotedAt(value, name.end + 1) : tokenAt(value, name.end);
    if (!parameters.has(name.text)) {
      parameters.set(name.text, text);
    }
    at = value.indexOf(';', end);
  }
  return parameters;
}

interface Piece {
  readonly text: string;
  /** Where reading continues. */
  readonly end: number;
}

/** `name =` with the blanks around it. */
function nameAt(value: string, at: number): Piece | undefined {
  const name = /\s*([^\s=;"]+)\s*=\s*/y;
  name.lastIndex = at;
  const text = name.exec(value)?.[1]?.toLowerCase();
  return text === undefined ? undefined : { text, end: name.lastIndex };
}

/**
 * Behind an opening quote. Only `\"` and `\\` are escapes, because browsers send file names with
 * single backslashes. Some clients do not escape quotes, so a quote closes only before a semicolon
 * or the end.
 */
function quotedAt(value: string, start: number): Piece {
  let text = '';
  for (let at = start; at < value.length; at++) {
    const escaped = value[at] === '\\' && (value[at + 1] === '"' || value[at + 1] === '\\');
    if (escaped) {
      at++;
    } else if (value[at] === '"' && endsHere(value, at + 1)) {
      return { text, end: at + 1 };
    }
    text += value[at];
  }
  return { text, end: value.length };
}

function endsHere(value: string, at: number): boolean {
  const end = /[ \t]*(?:;|$)/y;
  end.lastIndex = at;
  return end.test(value);
}

/** Up to a semicolon that begins the next parameter. */
function tokenAt(value: string, start: number): Piece {
  let end = value.indexOf(';', start);
  while (end !== -1 && nameAt(value, end + 1) === undefined) {
    end = value.indexOf(';', end + 1);
  }
  if (end !== -1) {
    return { text: value.slice(start, end).trim(), end };
  }
  let last = value.length;
  while (last > start && /[\s;]/.test(value[last - 1] ?? '')) {
    last--;
  }
  return { text: value.slice(start, last).trim(), end: value.length };
}
