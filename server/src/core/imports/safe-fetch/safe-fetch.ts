import { isIP } from 'node:net';
import type { ByteSource } from '../../bytes.ts';
import { fail, isStowageError } from '../../errors.ts';
import { raceAbort } from '../../guard/race-abort.ts';
import { inNetworks } from './address-rules.ts';
import { bodyOf, checkAnswer, failed, fetchError } from './fetched-body.ts';
import type { GetResponse, HttpGet } from './http-get.ts';
import { notAllowed, type Resolver, resolveTarget, systemResolver } from './resolve-target.ts';
import { hostKey, parseTarget, type Target, type TargetRules } from './target.ts';

export interface FetchRequest {
  /** Counted bytes of the body beyond which it fails with `too_large`. */
  readonly maxBytes: number;
  /** For everything from the name's resolution to the last byte; then `fetch_timeout`. */
  readonly totalMs: number;
  readonly signal: AbortSignal;
}

export interface Fetched {
  /**
   * Exact number of bytes to come, when the server announces it (a body of another length fails).
   */
  readonly size: number | undefined;
  /** `Content-Type` and `Content-Disposition` as the server sent them, unverified. */
  readonly contentType?: string | undefined;
  readonly contentDisposition?: string | undefined;
  /**
   * The body, once. Fails with `too_large`, `fetch_failed`, `fetch_timeout` or the signal's reason.
   */
  readonly source: ByteSource;
  /** Closes the connection; must be called in the end, may be called twice. */
  close(): void;
}

/**
 * GET of addresses that strangers choose. Only public addresses (and hosts the owner named) are
 * ever connected to, also after redirects; no cookies, credentials or proxies; of the response to a
 * failure, the caller sees the status only.
 */
export interface SafeFetch {
  /**
   * Resolves with an answer of status 200. Fails with `invalid_url`, `url_not_allowed`,
   * `fetch_failed` (details `upstreamStatus`, null when there was none), `fetch_timeout`,
   * `too_large`, or the signal's reason.
   */
  open(url: string, request: FetchRequest): Promise<Fetched>;
}

export interface SafeFetchOptions {
  readonly allowHttp: boolean;
  /** Names and addresses that may be fetched wherever they are, on any port. */
  readonly allowedPrivateHosts: readonly string[];
  /** Further networks that are never connected to, public or not: `address` or `address/bits`. */
  readonly blockedNetworks?: readonly string[];
  readonly userAgent: string;
  readonly httpGet: HttpGet;
  readonly resolver?: Resolver;
  readonly connectTimeoutMs?: number;
}

const maxRedirects = 5;
const accepted = { accept: 'image/*, video/mp4, */*;q=0.1', 'accept-encoding': 'identity' };
const redirects = new Set([301, 302, 303, 307, 308]);

export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const { userAgent, httpGet, resolver = systemResolver, connectTimeoutMs = 5000 } = options;
  const rules: TargetRules = {
    allowHttp: options.allowHttp,
    allowedPrivateHosts: new Set(options.allowedPrivateHosts.map(hostKey)),
  };

  const blocked = inNetworks(options.blockedNetworks ?? []);

  const get = async (target: Target, signal: AbortSignal): Promise<GetResponse> => {
    const addresses = await inTime(
      resolveTarget(target, { resolver, blocked }),
      connectTimeoutMs,
      signal,
    );
    const url = urlOf(target);
    const send = (headers: Readonly<Record<string, string>>): Promise<GetResponse> =>
      httpGet({ url, addresses, headers, connectTimeoutMs, signal }).catch((error: unknown) =>
        Promise.reject(fetchError(error, signal)),
      );
    const headers = { 'user-agent': userAgent, ...accepted };
    const response = await send(headers);
    if (response.status !== 403) {
      return response;
    }
    // Many hosts show their pictures on their own pages only.
    response.close();
    return send({ ...headers, referer: `${target.url.origin}/` });
  };
  const follow = async (first: Target, signal: AbortSignal): Promise<GetResponse> => {
    let target = first;
    for (let hops = 0; ; hops++) {
      const response = await get(target, signal);
      const [location] = response.values('location');
      if (!redirects.has(response.status) || location === undefined) {
        return response;
      }
      response.close();
      if (hops === maxRedirects) {
        throw failed('The url redirects too often.', response.status);
      }
      target = redirected(target, location, rules);
    }
  };

  return {
    async open(url, { maxBytes, totalMs, signal }) {
      const target = parseTarget(url, rules);
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(fail('fetch_timeout')), totalMs);
      const either = AbortSignal.any([signal, deadline.signal]);
      let response: GetResponse | undefined;
      const close = (): void => {
        clearTimeout(timer);
        response?.close();
      };
      try {
        response = await follow(target, either);
        const { size, codings } = checkAnswer(response, maxBytes);
        const [contentType] = response.values('content-type');
        const [contentDisposition] = response.values('content-disposition');
        const source = bodyOf(response, { codings, maxBytes, signal: either });
        return { size, contentType, contentDisposition, source, close };
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

/** Names in certificates, and most virtual hosts, have no trailing dot. */
function urlOf({ url, host }: Target): URL {
  const plain = new URL(url);
  plain.hostname = isIP(host) === 6 ? `[${host}]` : host;
  return plain;
}

/**
 * Every hop is checked like the first. The caller does not learn what exactly was wrong with it.
 */
function redirected({ url }: Target, location: string, rules: TargetRules): Target {
  try {
    // Header bytes come as Latin-1; addresses are UTF-8.
    const target = parseTarget(Buffer.from(location, 'latin1').toString('utf8'), rules, url);
    if (url.protocol === 'https:' && target.url.protocol === 'http:') {
      throw fail('invalid_url');
    }
    return target;
  } catch (error) {
    if (isStowageError(error, 'invalid_url')) {
      throw notAllowed('The url redirects to an address that must not be fetched.');
    }
    throw error;
  }
}

/** The system's resolver cannot be stopped, but we need not wait for it. */
async function inTime<T>(work: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(fail('fetch_timeout')), timeoutMs);
  try {
    return await raceAbort(work, AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
