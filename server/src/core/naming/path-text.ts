/**
 * Longest segment of a path, in UTF-8 bytes, that file systems, archives and object stores all
 * take.
 */
export const maxSegmentBytes = 255;

// Upload API 1.6. Inside a segment, so `/` is among them. U+FFFD stands for bytes that were not
// text.
const unsafe = /[\\/:*?"'<>| ()[\]{}#%^`~;@&=+$,\ufffd]/g;

// Invisible characters that make two names look alike: controls, direction marks, line separators,
// non-characters.
const invisible =
  /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff]/gu;
const loneSurrogate = /\p{Cs}/gu;

// Names that Windows reserves for devices, with any extension. A library must survive being copied
// there.
const device = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

/**
 * Percent-decodes once. Text that is not validly encoded (`100%.png`, overlong UTF-8) stays
 * unchanged.
 */
export function decodeOnce(text: string): string {
  if (!/%[0-9a-f]{2}/i.test(text)) {
    return text;
  }
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The text in NFC, without invisible characters. */
export function cleanText(text: string): string {
  return text.replaceAll(invisible, '').replaceAll(loneSurrogate, '').normalize('NFC');
}

/**
 * One segment of a path: unsafe characters become `_`, device names get a `_` in front. Expects
 * clean text.
 */
export function cleanSegment(text: string): string {
  return text.replaceAll(unsafe, '_').replace(device, '_$&');
}

/** The longest prefix of at most `maxBytes` in UTF-8 that splits no character. */
export function clampUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) {
    return text;
  }
  const bytes = Buffer.from(text);
  let end = maxBytes;
  // Continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end--;
  }
  return bytes.toString('utf8', 0, end);
}

/** Without the slashes around it. */
export function trimSlashes(text: string): string {
  let [start, end] = [0, text.length];
  while (text[start] === '/') {
    start++;
  }
  while (end > start && text[end - 1] === '/') {
    end--;
  }
  return text.slice(start, end);
}

/** A library path as written in a URL: ASCII only, decodes to itself. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
