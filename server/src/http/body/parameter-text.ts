/**
 * The text of a header parameter in whichever form a client wrote it: RFC 8187 `name*`, RFC 2231
 * continuations `name*0`, `name*1*`, RFC 2047 encoded words (.NET), or plainly with the escapes of
 * browsers. Undefined when it is absent.
 */
export function parameterText(
  parameters: ReadonlyMap<string, string>,
  name: string,
): string | undefined {
  const plain = parameters.get(name);
  const extended = parameters.get(`${name}*`);
  const forms = [
    decodeExtended(extended),
    joinContinuations(parameters, name),
    decodeWords(unescapeFormText(plain)),
    extended,
  ];
  // An empty form yields to one with text.
  return forms.find((text) => text) ?? forms.find((text) => text !== undefined);
}

/**
 * Browsers write quotes and line ends as %22, %0D and %0A, and nothing else (HTML,
 * multipart/form-data encoding).
 */
function unescapeFormText(value: string | undefined): string | undefined {
  return value?.replaceAll(/%(22|0d|0a)/gi, (escaped) => decodeURIComponent(escaped));
}

/** RFC 8187 `charset'language'percent-encoded`; undefined when it is something else. */
function decodeExtended(value: string | undefined): string | undefined {
  const [, charset = '', encoded = ''] = /^([^']*)'[^']*'(.*)$/s.exec(value ?? '') ?? [];
  return charset === '' ? undefined : decodeBytes(percentBytes(encoded), charset);
}

/**
 * RFC 2231 3 and 4.1: a long value in numbered pieces, those with a `*` behind the number
 * percent-encoded, the first with a charset.
 */
function joinContinuations(
  parameters: ReadonlyMap<string, string>,
  name: string,
): string | undefined {
  const [, charset = 'utf-8', first] =
    /^([^']*)'[^']*'(.*)$/s.exec(parameters.get(`${name}*0*`) ?? '') ?? [];
  const pieces: Buffer[] = [];
  for (let index = 0; ; index++) {
    const encoded = (index === 0 ? first : undefined) ?? parameters.get(`${name}*${index}*`);
    const plain = parameters.get(`${name}*${index}`);
    if (encoded === undefined && plain === undefined) {
      break;
    }
    pieces.push(encoded === undefined ? Buffer.from(plain ?? '') : percentBytes(encoded));
  }
  return pieces.length === 0 ? undefined : decodeBytes(Buffer.concat(pieces), charset || 'utf-8');
}

/** RFC 2047 `=?charset?B?...?=` and `?Q?`; blanks between two of them count for nothing. */
function decodeWords(value: string | undefined): string | undefined {
  if (!value?.includes('=?')) {
    return value;
  }
  return value
    .replaceAll(/(\?=)\s+(?==\?)/g, '$1')
    .replaceAll(
      /=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi,
      (word, charset: string, encoding: string, text: string) => {
        const bytes = /b/i.test(encoding)
          ? Buffer.from(text, 'base64')
          : percentBytes(text.replaceAll('_', ' '), /=([0-9a-f]{2})/gi);
        return decodeBytes(bytes, charset) ?? word;
      },
    );
}

function percentBytes(text: string, escapes = /%([0-9a-f]{2})/gi): Buffer {
  const plain = Buffer.from(text).toString('latin1');
  return Buffer.from(
    plain.replaceAll(escapes, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** Undefined for an unknown charset, and for bytes that are not text in it. */
export function decodeBytes(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
