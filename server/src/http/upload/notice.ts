import { nameModes } from '../../core/naming/file-id.ts';
import type { Fields } from '../body/urlencoded-form.ts';

const anyText = () => true;
const flag = (text: string): boolean => text === 'true' || text === 'false';

/** What `/upload` reads from a query, and which values mean something. */
const known: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ...['authCode', 'uploadChannel', 'channelName', 'uploadFolder', 'uploadId', 'totalChunks'].map(
    (name) => [name, anyText] as const,
  ),
  ...['serverCompress', 'autoRetry', 'initChunked', 'chunked', 'merge', 'cleanup'].map(
    (name) => [name, flag] as const,
  ),
  ['uploadNameType', (text) => nameModes.some((mode) => mode === text)],
  ['returnFormat', (text) => text === 'default' || text === 'full'],
]);

const maxNamed = 10;
const maxLength = 60;

/**
 * Upload API 1.2: unknown values count as the default and unknown names are ignored, never an
 * error. Ours: a header names them, so that a slip of the pen is seen. Undefined when all is known.
 */
export function noticeOf(query: Fields): string | undefined {
  const ignored = Object.entries(query)
    .filter(([name, text]) => text !== '' && !known.get(name)?.(text))
    .slice(0, maxNamed)
    .map(([name, text]) => (known.has(name) ? `${name}=${shown(text)}` : shown(name)));
  return ignored.length === 0 ? undefined : `ignored: ${ignored.join(', ')}`;
}

function shown(text: string): string {
  return encodeURIComponent(text.toWellFormed().slice(0, maxLength).toWellFormed());
}
