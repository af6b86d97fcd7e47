import { parseParameters } from './header-parameters.ts';
import { decodeBytes, parameterText } from './parameter-text.ts';

export interface PartHeaders {
  /** The field's name, `''` when the part has none. */
  readonly name: string;
  /** As sent, possibly with a path or empty; absent when the part is no file. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  /** By lower-case name; the first of a name counts. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Parses the header lines of a part. Never throws: malformed lines are left out. */
export function parsePartHeaders(bytes: Buffer): PartHeaders {
  // RFC 7578 5.1: UTF-8. Older clients write their system's encoding, which Latin-1 at least does
  // not garble further.
  const headers = splitHeaders(decodeBytes(bytes, 'utf-8') ?? decodeBytes(bytes, 'latin1') ?? '');
  const parameters = parseParameters(headers.get('content-disposition') ?? '');
  const filename = parameterText(parameters, 'filename');
  const contentType = headers.get('content-type');
  return {
    name: parameterText(parameters, 'name') ?? '',
    filename,
    contentType,
    headers,
  };
}

function splitHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  const lines = text.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name !== '' && !headers.has(name)) {
      headers.set(name, line.slice(colon + 1).trim());
    }
  }
  return headers;
}
