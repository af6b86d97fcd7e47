import { fileTypeFromBuffer } from 'file-type';
import { magicType } from './magic.ts';
import { essenceOf, typeOfName } from './media-types.ts';
import { isActive } from './safe-types.ts';
import { markupOf, textOf } from './text-sniff.ts';

export interface Sniffed {
  /** Lower case, without parameters. What the bytes are, whatever the sender called them. */
  readonly contentType: string;
  /** A browser that opens it might run it: it must be served as a download or as plain text. */
  readonly active: boolean;
}

export interface SniffHints {
  readonly filename: string;
  /** The Content-Type that the sender gave. */
  readonly declared: string | undefined;
}

const HEAD_BYTES = 8192;
const UNKNOWN = 'application/octet-stream';

/**
 * Tells what a file is from its first bytes (4 KiB do; more than 8 are not looked at). Name and declared type only choose between types that the
 * bytes allow, and never make anything active. Never throws.
 */
export async function sniff(head: Uint8Array, hints: SniffHints): Promise<Sniffed> {
  const contentType = (await typeOf(head.subarray(0, HEAD_BYTES), hints)) ?? UNKNOWN;
  return { contentType, active: isActive(contentType) };
}

async function typeOf(head: Uint8Array, hints: SniffHints): Promise<string | undefined> {
  const quick = magicType(head);
  if (quick !== undefined) return refine(quick, hints);
  const hinted = hintedTypes(hints);
  const text = head.length === 0 ? undefined : textOf(head);
  if (text !== undefined) return typeOfText(text, hinted);
  const found = essenceOf(await detect(head));
  // What begins with a broken UTF-8 text may still look like XML to the detector: it stays active.
  if (found !== undefined) return refine(found, hints);
  return hinted.find((type) => !isActive(type) && !recognisable.has(type) && !textTypes.has(type) && !type.startsWith('text/'));
}

function hintedTypes({ filename, declared }: SniffHints): readonly string[] {
  const types = [essenceOf(declared), typeOfName(filename)];
  return types.filter((type) => type !== undefined && type !== UNKNOWN) as string[];
}

/** Text is what its markup says; without any, what its name or sender says, as long as that is a kind of text. */
function typeOfText(text: string, hinted: readonly string[]): string {
  const named = hinted.find((type) => textTypes.has(type));
  const claimed = hinted.find((type) => isActive(type));
  const markup = markupOf(text);
  if (markup?.certain) return markup.contentType;
  if (claimed !== undefined && !isPictureOfXml(claimed)) return claimed;
  if (text.startsWith('{\\rtf')) return 'application/rtf';
  if (text.startsWith('%!PS')) return 'application/postscript';
  return named ?? markup?.contentType ?? 'text/plain';
}

// A text without an <svg> element is no picture, whatever it is called.
function isPictureOfXml(type: string): boolean {
  return type === 'image/svg+xml';
}

async function detect(head: Uint8Array): Promise<string | undefined> {
  try {
    return (await fileTypeFromBuffer(head))?.mime;
  } catch {
    // The detector stumbles over some broken files; then they are of no known type.
    return undefined;
  }
}

/** Containers look alike from their first bytes: there the name or the sender may say what is inside. */
function refine(found: string, hints: SniffHints): string {
  const choices = containers.get(found);
  return (choices && hintedTypes(hints).find((type) => choices(type))) ?? found;
}

const containers: ReadonlyMap<string, (type: string) => boolean> = new Map([
  ['application/zip', (type: string) => zipTypes.test(type)],
  ['application/x-cfb', (type: string) => /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook))$/.test(type)],
  ['video/mp4', (type: string) => type === 'audio/mp4'],
  ['video/webm', (type: string) => type === 'audio/webm'],
  ['audio/ogg', (type: string) => type === 'audio/opus'],
  ['application/ogg', (type: string) => /^(?:audio|video)\/ogg$/.test(type)],
]);

const zipTypes =
  /^application\/(?:epub\+zip|java-archive|vnd\.(?:openxmlformats-officedocument\.|oasis\.opendocument\.|android\.package-archive$))/;

// Formats that are always recognised: bytes that were not are no such file.
const recognisable: ReadonlySet<string> = new Set([
  ...['jpeg', 'png', 'apng', 'gif', 'webp', 'avif', 'heic', 'heif', 'bmp', 'tiff', 'x-icon'].map((type) => `image/${type}`),
  ...['mp4', 'quicktime', 'webm', 'x-matroska', 'x-msvideo', 'ogg', '3gpp', 'x-flv'].map((type) => `video/${type}`),
  ...['mp4', 'ogg', 'wav', 'flac', 'webm', 'opus'].map((type) => `audio/${type}`),
  ...['pdf', 'zip', 'gzip', 'x-7z-compressed', 'x-rar-compressed', 'epub+zip', 'wasm'].map((type) => `application/${type}`),
  ...['woff', 'woff2', 'ttf', 'otf'].map((type) => `font/${type}`),
]);

/** Kinds of text that no browser runs. */
const textTypes: ReadonlySet<string> = new Set([
  ...['plain', 'markdown', 'csv', 'tab-separated-values', 'calendar', 'vcard', 'vtt', 'css'].map((type) => `text/${type}`),
  ...['json', 'ld+json', 'geo+json', 'x-ndjson', 'yaml', 'toml', 'sql', 'x-subrip'].map((type) => `application/${type}`),
]);
