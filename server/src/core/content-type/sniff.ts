import { fileTypeFromBuffer } from 'file-type';
import { magicType } from './magic.ts';
import { essenceOf, typeOfName } from './media-types.ts';
import { pdfStart } from './pdf-start.ts';
import { isActive, isInert, isText, playerTypes } from './safe-types.ts';
import { markupOf, textOf, typeOfOpening } from './text-sniff.ts';
import { hasUnknownStart } from './unknown-start.ts';

export interface Sniffed {
  /**
   * Lower case, without parameters. When the bytes are of no known type, the type that the sender
   * or the name gives, if it is harmless.
   */
  readonly contentType: string;
  /**
   * The type that the bytes alone show; `text/plain` or `application/octet-stream` when it is
   * unknown.
   */
  readonly detected: string;
  /** A browser that opens it might run it, so it must be served as a download or as plain text. */
  readonly active: boolean;
}

export interface SniffHints {
  readonly filename: string;
  /** The Content-Type that the sender declared. */
  readonly declared: string | undefined;
}

const headBytes = 8192;
const unknownType = 'application/octet-stream';

/**
 * Detects a file's type from its first bytes (4 KiB are enough; more than 8 are read only for a PDF
 * with something in front). Name and declared type choose between types that the bytes allow, and
 * never make anything active that is not text. Never throws.
 */
export async function sniff(head: Uint8Array, hints: SniffHints): Promise<Sniffed> {
  const shown = await typeOfBytes(head, hints);
  const isPlain = shown === undefined && head.length > 0 && textOf(head) !== undefined;
  const detected = shown ?? (isPlain ? 'text/plain' : unknownType);
  const contentType = shown ?? claimedType(isPlain, hints) ?? detected;
  return { contentType, detected, active: isActive(contentType) };
}

async function typeOfBytes(whole: Uint8Array, hints: SniffHints): Promise<string | undefined> {
  const head = whole.subarray(0, headBytes);
  const quick = magicType(head);
  if (quick !== undefined) {
    return refine(quick, hints);
  }
  const pdfAt = pdfStart(whole);
  // Documents about PDFs quote them, and archives contain them. Such a file is a PDF only when it
  // is called one.
  if (pdfAt !== undefined && hintedTypes(hints).includes('application/pdf')) {
    return 'application/pdf';
  }
  const text = head.length === 0 ? undefined : textOf(head);
  if (text !== undefined) {
    return typeOfText(text, hints);
  }
  const found = hasUnknownStart(head) ? undefined : essenceOf(await detect(head));
  // The detector may take broken UTF-8 text for XML. It stays active.
  if (found !== undefined) {
    return refine(found, hints);
  }
  return pdfAt === undefined ? undefined : 'application/pdf';
}

/**
 * The type that the sender declares, otherwise that of the name, if it is harmless. XML must prove
 * that it is of a harmless type.
 */
function claimedType(isPlain: boolean, hints: SniffHints): string | undefined {
  const [declared, named] = hintedTypes(hints);
  const hinted = isPlain ? hintsOfText(hints.filename, declared, named) : [declared, named];
  return hinted.find((type) => type !== undefined && isInert(type) && !type.endsWith('+xml'));
}

function hintedTypes({ filename, declared }: SniffHints): readonly (string | undefined)[] {
  return [essenceOf(declared), typeOfName(filename)].map((type) =>
    type === unknownType ? undefined : type,
  );
}

/** Clients look types up by extension, and some tables know only the other format that uses it. */
function hintsOfText(
  filename: string,
  declared?: string,
  named?: string,
): readonly (string | undefined)[] {
  if (/\.[mc]?ts$/i.test(filename)) {
    return [declared, named].filter((type) => type !== 'video/mp2t');
  }
  if (/\.[ct]sv$/i.test(filename) && declared === 'application/vnd.ms-excel') {
    return [named];
  }
  // A type that players recognise by its type alone.
  if (declared === 'text/plain' && named !== undefined && playerTypes.has(named)) {
    return [named];
  }
  return [declared, named];
}

/**
 * The type that the markup or the opening words of a text show. A text that is called a script is
 * one.
 */
function typeOfText(text: string, hints: SniffHints): string | undefined {
  const hinted = hintedTypes(hints).filter((type) => type !== undefined) as string[];
  const markup = markupOf(text);
  if (markup?.certain) {
    return markup.contentType;
  }
  // A text without an <svg> element is not a picture, whatever it is called.
  const claimed = hinted.find((type) => isActive(type) && type !== 'image/svg+xml');
  if (claimed !== undefined) {
    return claimed;
  }
  if (hinted.some((type) => isText(type) && isInert(type))) {
    return undefined;
  }
  return markup?.contentType ?? typeOfOpening(text);
}

async function detect(head: Uint8Array): Promise<string | undefined> {
  try {
    return (await fileTypeFromBuffer(head))?.mime;
  } catch {
    // The detector throws on some broken files. They are of no known type.
    return undefined;
  }
}

/** Containers look alike in their first bytes, so the name or the sender may name the content. */
function refine(found: string, hints: SniffHints): string {
  const choices = containers.get(found);
  return (
    (choices && hintedTypes(hints).find((type) => type !== undefined && choices.test(type))) ??
    found
  );
}

const containers: ReadonlyMap<string, RegExp> = new Map([
  [
    'application/zip',
    /^application\/(?:epub\+zip|java-archive|vnd\.(?:openxmlformats-officedocument\.|oasis\.opendocument\.|ms-.*macroenabled|android\.package-archive$|apple\.|comicbook\+zip$))|^model\/vnd\.usdz\+zip$/,
  ],
  ['application/x-cfb', /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook))$/],
  ['video/mp4', /^audio\/mp4$|^video\/iso\.segment$/],
  // Phones wrote 3GP brands into files they called MP4.
  ['video/3gpp', /^video\/mp4$/],
  ['video/webm', /^audio\/webm$/],
  ['video/x-matroska', /^audio\/x-matroska$/],
  ['audio/ogg', /^audio\/opus$/],
  ['application/ogg', /^(?:audio|video)\/ogg$/],
]);
