import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { extensionFor } from '../content-type/media-types.ts';
import { cleanFolder, folderOf } from './folder.ts';
import { clampUtf8, cleanSegment, cleanText, decodeOnce, maxSegmentBytes } from './path-text.ts';

/** Upload API 1.7, `uploadNameType`. */
export const nameModes = ['default', 'index', 'origin', 'short'] as const;
export type NameMode = (typeof nameModes)[number];

/** Whether the server makes up names of this mode, and so never gives them to another file. */
export function isGivenOnce(mode: NameMode): boolean {
  return mode !== 'origin';
}

export interface NameRequest {
  readonly mode: NameMode;
  /** As the caller gave it. */
  readonly filename: string;
  readonly contentType: string;
  /**
   * As the caller gave it; when it is empty, the directory part of `filename` counts (Upload API
   * 1.6).
   */
  readonly folder: string;
  /** See `createStamps`. Default: the stamps of this process. */
  readonly stamp?: () => number;
  /** An integer from 0 to below `limit`, unpredictable. */
  readonly random?: (limit: number) => number;
}

/**
 * Times in milliseconds that never repeat and always grow, so that names which begin with them sort
 * in the order they were given: the present, or the next free millisecond. 13 digits until the year
 * 2286.
 */
export function createStamps(now: Clock): () => number {
  let last = 0;
  return () => (last = Math.max(now(), last + 1));
}

const processStamp = createStamps(Date.now);

const unnamed = 'file';
const maxAttempts = 1000;
const maxExtensionBytes = 64;
// A path of 1 KiB, every byte percent-encoded, has 3 KiB.
const maxUrlPathLength = 4096;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * The safe name of an uploaded file: never empty, `.` or `..`, at most 255 UTF-8 bytes with the
 * extension kept, free of `/`, control characters and anything that needs escaping in a URL or a
 * shell. Takes any string. Cleaning a clean name changes nothing.
 */
export function cleanName(raw: string): string {
  return safeName(splitName(raw).name);
}

/** The name as the person saw it who chose the file: decoded, without its folders. Never empty. */
export function displayName(raw: string): string {
  return splitName(raw).name.normalize('NFC') || unnamed;
}

// Where a file lay on the sender's machine is private: `C:\`, `C:/`, `/Users`, `\\server`, `~/`,
// `file://`, `content://`.
const localPath = /^\s*(?:~|[a-z][a-z0-9+.-]*:)?[\\/]/i;

/** Upload API 1.6: a relative folder in front of the name counts. */
function splitName(raw: string): { readonly folder: string; readonly name: string } {
  const decoded = decodeOnce(raw);
  const slash = decoded.lastIndexOf('/');
  if (localPath.test(cleanText(decoded))) {
    return { folder: '', name: decoded.slice(Math.max(slash, decoded.lastIndexOf('\\')) + 1) };
  }
  return { folder: decoded.slice(0, Math.max(slash, 0)), name: decoded.slice(slash + 1) };
}

function safeName(seen: string): string {
  const text = cleanText(seen);
  const name = cleanSegment(/^\.+$/.test(text) ? text.replaceAll('.', '_') : text);
  return fit('', name === '' ? unnamed : name, '');
}

/**
 * Paths to try for a new file, in order: `path(0)` is the plain one, `path(n)` the one after n
 * collisions, undefined from the 1000th on. The time in a name is drawn once. `short` draws a new
 * name at every attempt.
 */
export function nameCandidates(request: NameRequest): (attempt: number) => string | undefined {
  const { contentType, stamp = processStamp, random = randomInt } = request;
  const given = splitName(request.filename);
  const folder = cleanFolder(request.folder) || folderOf(given.folder);
  const name = safeName(given.name);
  const extension = extensionFor(name, contentType);
  const prefix = String(stamp());

  const nameAt: Record<NameMode, (attempt: number) => string> = {
    default: (attempt) => numbered(`${prefix}_`, name, attempt),
    index: (attempt) => numbered('', `${prefix}.${extension}`, attempt),
    origin: (attempt) =>
      attempt === 0 || name.includes('.')
        ? numbered('', name, attempt)
        : fit(`(${attempt})`, name, ''),
    short: () =>
      `${Array.from({ length: 8 }, () => alphabet[random(alphabet.length)]).join('')}.${extension}`,
  };
  const start = folder === '' ? '' : `${folder}/`;
  return (attempt) => (attempt < maxAttempts ? start + nameAt[request.mode](attempt) : undefined);
}

function numbered(prefix: string, name: string, attempt: number): string {
  const dot = name.lastIndexOf('.');
  // An ending that leaves no room for a number is not an extension.
  const hasExtension = dot !== -1 && Buffer.byteLength(name.slice(dot)) <= maxExtensionBytes;
  const [stem, end] = hasExtension ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return attempt === 0 ? fit(prefix, name, '') : fit(prefix, stem, `(${attempt})${end}`);
}

/** Shortens `middle`, before its extension when it has one, until all three fit one segment. */
function fit(start: string, middle: string, end: string): string {
  const room = maxSegmentBytes - Buffer.byteLength(start) - Buffer.byteLength(end);
  if (Buffer.byteLength(middle) <= room) {
    return start + middle + end;
  }
  // A dot that far from the end does not begin an extension.
  const extension = /\.[^.]{1,16}$/.exec(middle)?.[0] ?? '';
  const stem = middle.slice(0, middle.length - extension.length);
  return (
    start + clampUtf8(stem, Math.max(room - Buffer.byteLength(extension), 0)) + extension + end
  );
}

/**
 * The library path that a raw (still encoded) URL path after `/file/` means. Undefined when it can
 * mean none: malformed encoding, control characters, empty or dot segments, overlong.
 */
export function pathFromUrl(raw: string): string | undefined {
  if (raw.length > maxUrlPathLength) {
    return undefined;
  }
  try {
    return asPath(decodeURIComponent(raw));
  } catch {
    return undefined;
  }
}

/**
 * Text as a library path, in the form in which the library stores paths. Undefined when it cannot
 * be one.
 */
export function asPath(text: string): string | undefined {
  const path = text.normalize('NFC');
  const isPath =
    !/[\p{Cc}\p{Cs}]/u.test(path) && path.split('/').every((segment) => !/^\.{0,2}$/.test(segment));
  return isPath ? path : undefined;
}
