import { isUtf8 } from 'node:buffer';

export interface PartHeaders {
  /** The field's name, `''` when the part has none. */
  readonly name: string;
  /** As sent, possibly with a path or empty; absent when the part is no file. */
  readonly filename?: string;
  readonly contentType?: string;
  /** By lower-case name; the first of a name counts. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Reads the header lines of a part. Never throws: what makes no sense is left out. */
export function parsePartHeaders(bytes: Buffer): PartHeaders {
  const headers = splitHeaders(bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1'));
  const parameters = parseParameters(headers.get('content-disposition') ?? '');
  const filename = decodeExtended(parameters.get('filename*')) ?? unescapeFormName(parameters.get('filename'));
  const contentType = headers.get('content-type');
  return {
    name: unescapeFormName(parameters.get('name')) ?? '',
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    headers,
  };
}

function splitHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  const lines = text.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name !== '' && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

// `\\.` is kept as it is unless it escapes a quote or a backslash: browsers send file names with single backslashes.
const parameter = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:\\["\\]|[^"])*)"?|([^;]*))/g;

function parseParameters(value: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, token] of value.matchAll(parameter)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replaceAll(/\\(["\\])/g, '$1') ?? token?.trim() ?? '');
  }
  return parameters;
}

/** Browsers write quotes and line ends in names as %22, %0D and %0A, and nothing else (HTML, multipart/form-data encoding). */
function unescapeFormName(value: string | undefined): string | undefined {
  return value?.replaceAll(/%(22|0d|0a)/gi, (escaped) => decodeURIComponent(escaped));
}

/** RFC 8187 `charset'language'percent-encoded`, undefined when it is something else. */
function decodeExtended(value: string | undefined): string | undefined {
  const match = /^(utf-8|iso-8859-1)'[^']*'(.*)$/i.exec(value ?? '');
  if (match === null) return undefined;
  const [, charset = '', encoded = ''] = match;
  const bytes = Buffer.from(
    encoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  return bytes.toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1');
}
