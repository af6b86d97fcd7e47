const lookBytes = 4096;

/**
 * The beginning of a text, or undefined when the bytes are not text (WHATWG MIME Sniffing, binary
 * data bytes).
 */
export function textOf(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, lookBytes));
  const text = decode(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what makes bytes binary.
  return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text;
}

/** By the byte order mark, otherwise as Latin-1, which preserves ASCII and never fails. */
function decode(bytes: Buffer): string {
  const [first, second, third] = bytes;
  if (first === 0xff && second === 0xfe) {
    return bytes.toString('utf16le', 2);
  }
  if (first === 0xfe && second === 0xff) {
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  return bytes.toString('latin1', first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0);
}

export interface Markup {
  readonly contentType: string;
  /**
   * False for markup that could also begin a Markdown text, such as `<p align="center">` or a
   * comment.
   */
  readonly certain: boolean;
}

/** The type of a text that begins with markup that a browser would render. */
export function markupOf(text: string): Markup | undefined {
  if (!/^\s*</.test(text)) {
    return undefined;
  }
  const isXml = /^\s*<\?xml[\s?]/i.test(text);
  const body = skipProlog(text);
  const doctype = /^<!doctype\s+([\w:-]+)/i.exec(body)?.[1]?.toLowerCase();
  const root = /^<([a-z][\w.-]*:)?([a-z][\w.-]*)/i.exec(
    doctype === undefined ? body : skipProlog(skipDoctype(body)),
  );
  const name = root?.[2]?.toLowerCase();

  if (name === 'svg' || doctype === 'svg') {
    return { contentType: 'image/svg+xml', certain: true };
  }
  const vocabulary = doctype === undefined ? vocabularyOf(name, text) : undefined;
  if (vocabulary !== undefined) {
    return { contentType: vocabulary, certain: true };
  }
  if (isXml && (name === 'html' || doctype === 'html')) {
    return { contentType: 'application/xhtml+xml', certain: true };
  }
  if (isXml) {
    return { contentType: 'application/xml', certain: true };
  }
  if (doctype !== undefined || (name !== undefined && certainTags.has(name))) {
    return { contentType: 'text/html', certain: true };
  }
  // Of an XML dialect without a declaration, or of another vocabulary inside HTML.
  if (/^<[^>]*\sxmlns(?::\w+)?\s*=/i.test(body)) {
    return { contentType: 'application/xml', certain: true };
  }
  const uncertain = name === undefined ? /^\s*<(?:!--|!|\?)/.test(text) : likelyTags.has(name);
  return uncertain ? { contentType: 'text/html', certain: false } : undefined;
}

/** XML that players recognise by type, when no visible part of it makes a browser act. */
function vocabularyOf(root: string | undefined, text: string): string | undefined {
  const known = vocabularies.find(({ name }) => name === root);
  return known?.namespace.test(text) && !foreign.test(text) ? known.contentType : undefined;
}

/** A namespace may also be spelled with character references (`&#49;999`). */
const foreign =
  /xml-stylesheet|www\.w3\.org\/(?:1999\/(?:xhtml|xsl)|2000\/svg)|\bxmlns(?::[^\s=]*)?\s*=\s*(?:"[^"&]*&|'[^'&]*&)/i;

const vocabularies = [
  {
    name: 'mpd',
    namespace: /["']urn:mpeg:dash:schema:mpd:2011["']/i,
    contentType: 'application/dash+xml',
  },
  {
    name: 'tt',
    namespace: /["']http:\/\/www\.w3\.org\/(?:ns\/ttml|200\d\/(?:04|10)\/ttaf1)\b/,
    contentType: 'application/ttml+xml',
  },
  {
    name: 'playlist',
    namespace: /["']http:\/\/xspf\.org\/ns\/0\/?["']/,
    contentType: 'application/xspf+xml',
  },
] as const;

/** The type of a text whose first words name its format. */
export function typeOfOpening(text: string): string | undefined {
  if (text.startsWith('{\\rtf')) {
    return 'application/rtf';
  }
  if (text.startsWith('%!PS')) {
    return 'application/postscript';
  }
  if (/^#EXTM3U\s/.test(text)) {
    return /^#EXT-X-/m.test(text) ? 'application/vnd.apple.mpegurl' : 'audio/x-mpegurl';
  }
  if (/^WEBVTT(?:\s|$)/.test(text)) {
    return 'text/vtt';
  }
  if (/^\[Script Info\]\s/i.test(text)) {
    return 'text/x-ssa';
  }
  return undefined;
}

const certainTags: ReadonlySet<string> = new Set(
  'html head body script iframe frameset object embed base meta link style title noscript template'.split(
    ' ',
  ),
);
const likelyTags: ReadonlySet<string> = new Set(
  'a abbr article audio b big blockquote br button canvas center dd details div dl dt em font footer form h1 h2 h3 h4 h5 h6 header hr i img input kbd li main math nav ol p picture pre q s section select small source span strong sub summary sup table tbody td textarea th thead tr u ul video'.split(
    ' ',
  ),
);

/** Without leading space, comments and processing instructions. */
function skipProlog(text: string): string {
  let rest = text.trimStart();
  for (;;) {
    const end = rest.startsWith('<!--')
      ? rest.indexOf('-->', 2) + 3
      : rest.startsWith('<?')
        ? rest.indexOf('>', 2) + 1
        : 0;
    // Not closed within the bytes we have: the markers that follow are out of sight.
    if (end < 4) {
      return rest;
    }
    rest = rest.slice(end).trimStart();
  }
}

function skipDoctype(text: string): string {
  const match = /^<![^[>]*(?:\[[^\]]*\]\s*)?>/.exec(text);
  return match === null ? '' : text.slice(match[0].length);
}
