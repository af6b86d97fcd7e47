import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { logWhenClosed } from '../access-log.ts';
import { callerAddress, type Incoming, incoming } from '../address/client-address.ts';
import { endTurn } from '../connections/turns.ts';
import { sendKept } from '../content/send-content.ts';
import type { HttpDeps } from '../deps.ts';
import { refuseAmbiguity } from '../refuse-ambiguity.ts';
import type { HotFile } from './hot-files.ts';
import { readFile } from './read-file.ts';

export interface HotReads {
  readonly deps: Pick<HttpDeps, 'hotFiles' | 'isReady' | 'log' | 'metrics' | 'settings'>;
  requestId(): string;
  watchProxies(request: Incoming): void;
}

/**
 * Sends small files that are in memory at once. Everything else, and every request that is unusual
 * in any way, is left to `next`, whose responses are the same.
 */
export function hotReads(next: RequestListener, { deps, ...reads }: HotReads): RequestListener {
  function send(request: IncomingMessage, response: ServerResponse, file: HotFile): void {
    const { method = '', url = '' } = request;
    const { trustProxy } = deps.settings;
    const head = incoming(request, trustProxy);
    const id = reads.requestId();
    reads.watchProxies(head);
    const ip = callerAddress(head, trustProxy);
    logWhenClosed({ id, raw: request, response, ip, method, url, route: readFile.path }, deps);
    response.once('close', () => endTurn(request));
    const headers = { ...file.content.headers, 'X-Request-Id': id };
    sendKept(request, response, { ...file.content, headers }, file.bytes);
  }

  return (request, response) => {
    const file = isPlain(request) && deps.isReady() ? deps.hotFiles.get(request.url) : undefined;
    if (file === undefined) {
      next(request, response);
    } else {
      send(request, response, file);
    }
  };
}

/** Without a body, and nothing that has to be refused. */
function isPlain(request: IncomingMessage): request is IncomingMessage & { url: string } {
  const { method, url, headers } = request;
  if ((method !== 'GET' && method !== 'HEAD') || url?.startsWith('/file/') !== true) {
    return false;
  }
  if (
    headers['content-length'] !== undefined ||
    headers['transfer-encoding'] !== undefined ||
    headers.expect !== undefined
  ) {
    return false;
  }
  try {
    refuseAmbiguity(request);
    return true;
  } catch {
    return false;
  }
}
