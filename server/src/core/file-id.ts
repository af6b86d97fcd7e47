import { randomInt } from 'node:crypto';
import { cleanFolder, folderOf } from './folder.ts';
import { extensionFor } from './media-types.ts';
import { clampUtf8, cleanSegment, cleanText, decodeOnce, MAX_SEGMENT_BYTES } from './path-text.ts';

/** Upload API 1.7, `uploadNameType`. */
export type NameMode = 'default' | 'index' | 'origin' | 'short';

/** Whether names of this mode are made up here, and so never given to another file. */
export function isGivenOnce(mode: NameMode): boolean {
  return mode !== 'origin';
}

export interface NameRequest {
  readonly mode: NameMode;
  /** As the caller gave it. */
  readonly filename: string;
  readonly contentType: string;
  /** As the caller gave it; when it is empty, the directory part of `filename` counts (Upload API 1.6). */
  readonly folder: string;
  /** Milliseconds since the epoch. */
  readonly now?: number;
  /** An integer from 0 to below `limit`, unpredictable. */
  readonly random?: (limit: number) => number;
}

const MAX_ATTEMPTS = 1000;
// A path of 1 KiB, every byte percent-encoded, has 3 KiB.
const MAX_URL_PATH_LENGTH = 4096;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * The safe name of an uploaded file: never empty, `.` or `..`, at most 255 UTF-8 bytes with the extension kept, free of `/`, controls and
 * whatever needs escaping in a URL or a shell. Takes any string. Cleaning a clean name changes nothing.
 */
export function cleanName(raw: string): string {
  return nameOf(decodeOnce(raw));
}

function nameOf(decoded: string): string {
  const last = cleanText(decoded).split('/').at(-1) ?? '';
  const name = cleanSegment(/^\.+$/.test(last) ? last.replaceAll('.', '_') : last);
  return fit('', name === '' ? 'file' : name, '');
}

/**
 * Paths to try for a new file, in order: `path(0)` is the plain one, `path(n)` the one after n collisions, undefined from the 1000th on.
 * The time and the random part of a name are drawn once, except that `short` draws anew at every attempt.
 */
export function nameCandidates(request: NameRequest): (attempt: number) => string | undefined {
  const { filename, contentType, now = Date.now(), random = randomInt } = request;
  const decoded = decodeOnce(filename);
  const folder = cleanFolder(request.folder) || folderOf(decoded.slice(0, Math.max(decoded.lastIndexOf('/'), 0)));
  const name = nameOf(decoded);
  const extension = extensionFor(name, contentType);
  // 13 digits until the year 2286.
  const prefix = String(now + random(10_000));

  const nameAt: Record<NameMode, (attempt: number) => string> = {
    default: (attempt) => numbered(`${prefix}_`, name, attempt),
    index: (attempt) => numbered('', `${prefix}.${extension}`, attempt),
    origin: (attempt) => (attempt === 0 || name.includes('.') ? numbered('', name, attempt) : fit(`(${attempt})`, name, '')),
    short: () => `${Array.from({ length: 8 }, () => ALPHABET[random(ALPHABET.length)]).join('')}.${extension}`,
  };
  const start = folder === '' ? '' : `${folder}/`;
  return (attempt) => (attempt < MAX_ATTEMPTS ? start + nameAt[request.mode](attempt) : undefined);
}

function numbered(prefix: string, name: string, attempt: number): string {
  const dot = name.lastIndexOf('.');
  const [stem, end] = dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot)];
  return attempt === 0 ? fit(prefix, name, '') : fit(prefix, stem, `(${attempt})${end}`);
}

/** Shortens `middle`, before its extension when it has one, until all three fit a segment. */
function fit(start: string, middle: string, end: string): string {
  const room = MAX_SEGMENT_BYTES - Buffer.byteLength(start) - Buffer.byteLength(end);
  if (Buffer.byteLength(middle) <= room) return start + middle + end;
  // What follows a dot that far from the end is no extension.
  const extension = /\.[^.]{1,16}$/.exec(middle)?.[0] ?? '';
  const stem = middle.slice(0, middle.length - extension.length);
  return start + clampUtf8(stem, Math.max(room - Buffer.byteLength(extension), 0)) + extension + end;
}

/**
 * The library path that a raw (still encoded) URL path after `/file/` means, undefined when it can mean none: malformed encoding, control
 * characters, empty or dot segments, overlong.
 */
export function pathFromUrl(raw: string): string | undefined {
  if (raw.length > MAX_URL_PATH_LENGTH) return undefined;
  try {
    return asPath(decodeURIComponent(raw));
  } catch {
    return undefined;
  }
}

/** Text as a library path, in the form in which the library keeps paths; undefined when it can be none. */
export function asPath(text: string): string | undefined {
  const path = text.normalize('NFC');
  const isPath = !/[\p{Cc}\p{Cs}]/u.test(path) && path.split('/').every((segment) => !/^\.{0,2}$/.test(segment));
  return isPath ? path : undefined;
}
