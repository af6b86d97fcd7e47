import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { fail, isStowageError, type StowageError } from '../../errors.ts';
import { pinnedLookup } from './resolve-target.ts';
import type { Target } from './target.ts';

export interface HttpGet {
  readonly target: Target;
  /** Checked ones; nothing else is connected to. */
  readonly addresses: readonly string[];
  readonly userAgent: string;
  readonly referer?: string | undefined;
  /** For the connection, TLS included. */
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * One request on a connection of its own; the answer as it comes, whatever its status. Fails with
 * `fetch_failed`, `fetch_timeout` or the signal's reason.
 */
export async function httpGet(options: HttpGet): Promise<IncomingMessage> {
  options.signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = open(options);
  const timer = setTimeout(() => request.destroy(connectTimeout()), options.connectTimeoutMs);
  request.once('socket', (socket) => {
    socket.once(options.target.url.protocol === 'https:' ? 'secureConnect' : 'connect', () =>
      clearTimeout(timer),
    );
  });
  request.once('response', (response) => {
    // The reader of the response gets its errors; an error of an unread response must not end the
    // process.
    response.on('error', () => undefined);
    resolve(response);
  });
  request.on('error', (error) => reject(fetchError(error, options.signal)));
  // Also when the peer switched protocols, which we never ask for.
  request.once('close', () => {
    clearTimeout(timer);
    reject(fetchError(new Error('closed without an answer'), options.signal));
  });
  request.end();
  return promise;
}

function open({ target, addresses, userAgent, referer, signal }: HttpGet): http.ClientRequest {
  const { url, host } = target;
  const secure = url.protocol === 'https:';
  const options = {
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    lookup: pinnedLookup(addresses),
    headers: {
      host: `${isIP(host) === 6 ? `[${host}]` : host}${url.port === '' ? '' : `:${url.port}`}`,
      'user-agent': userAgent,
      ...(referer !== undefined && { referer }),
      accept: 'image/*, video/mp4, */*;q=0.1',
      'accept-encoding': 'identity',
      connection: 'close',
    },
    // An agent of its own uses no proxy of the environment and shares no connection.
    agent: secure ? new https.Agent({ keepAlive: false }) : new http.Agent({ keepAlive: false }),
    signal,
  };
  if (!secure) {
    return http.request(options);
  }
  return https.request({
    ...options,
    servername: isIP(host) === 0 ? host : '',
    rejectUnauthorized: true,
  });
}

function connectTimeout(): StowageError {
  return fail('fetch_timeout', { message: 'Connecting to the host of the url took too long.' });
}

/** What the caller learns of a failed connection: nothing that the remote sent. */
export function fetchError(
  error: unknown,
  signal: AbortSignal,
  status: number | null = null,
): unknown {
  if (signal.aborted) {
    return signal.reason;
  }
  if (isStowageError(error)) {
    return error;
  }
  const message =
    status === null
      ? 'The url could not be reached.'
      : 'The connection closed before the whole file arrived.';
  return fail('fetch_failed', { message, details: { upstreamStatus: status }, cause: error });
}
