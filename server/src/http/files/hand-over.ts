import type { IncomingMessage } from 'node:http';
import type { StoredFile } from '../../core/metadata.ts';
import { encodePath } from '../../core/naming/path-text.ts';
import { isTrustedPeer } from '../address/trust-proxy.ts';
import { parseRange } from '../content/range.ts';
import type { HttpDeps } from '../deps.ts';
import { maxHotBytes } from './hot-files.ts';

/** In front of the path, so that nothing but the location of the documentation matches it. */
const accelPrefix = '/x-stowage';

const conditions = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
];

/**
 * The header by which the proxy in front sends the file from the disk by itself. Undefined when
 * Stowage has to send it: the proxy would judge conditions by its own validators, answer several
 * ranges in its own way, and gains nothing for files that fit in memory.
 */
export async function handOver(
  request: IncomingMessage,
  stored: StoredFile,
  { files, settings }: Pick<HttpDeps, 'files' | 'settings'>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { sendfile } = settings;
  if (sendfile === 'off' || stored.file.size <= maxHotBytes || !isForProxy(request, stored)) {
    return undefined;
  }
  if (!isTrustedPeer(request.socket.remoteAddress ?? '', settings.trustProxy)) {
    return undefined;
  }
  const path = await files.plainFile(stored);
  if (path === undefined) {
    return undefined;
  }
  if (sendfile === 'x-accel-redirect') {
    return { 'X-Accel-Redirect': accelPrefix + encodePath(path) };
  }
  // Some servers decode this header and some do not.
  return /^[\x21-\x24\x26-\x7e]+$/.test(path) ? { 'X-Sendfile': path } : undefined;
}

function isForProxy({ method, headers }: IncomingMessage, { file }: StoredFile): boolean {
  if (method !== 'GET' || conditions.some((name) => headers[name] !== undefined)) {
    return false;
  }
  return headers.range === undefined || parseRange(headers.range, file.size).kind === 'range';
}
