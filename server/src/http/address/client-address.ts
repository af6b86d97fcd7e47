import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { peerAddress, plainAddress, unknownAddress } from './plain-address.ts';
import {
  callerHeaders,
  isTrustedPeer,
  type Trust,
  type TrustProxy,
  trustOf,
} from './trust-proxy.ts';

/** What is read of a request. `ips` is what Fastify makes of X-Forwarded-For with `trustOf`. */
export type Incoming = Pick<FastifyRequest, 'raw' | 'ips'>;

/**
 * The address of the caller (docs/decisions/024). That is the peer's, unless the peer is a trusted
 * proxy. Then it comes from X-Forwarded-For, read from the nearest hop outwards to the first
 * address that is not trusted, or from X-Real-IP. When a proxy sends both headers, the caller may
 * have forged one of them, so neither is believed unless X-Real-IP is one of the hops that were
 * read. No other header counts. IPv4 is written plainly also on IPv6 sockets.
 */
export function callerAddress(request: Incoming, trustProxy: TrustProxy): string {
  const path = readPath(request, trustProxy);
  const caller = isContradicted(request, path, trustProxy) ? path[0] : path.at(-1);
  return caller ?? unknownAddress;
}

/** Sets `request.ip` to it. */
export function setCallerAddress(request: FastifyRequest, trustProxy: TrustProxy): void {
  Object.defineProperty(request, 'ip', { value: callerAddress(request, trustProxy) });
}

/** A request before Fastify has seen it. */
export function incoming(raw: IncomingMessage, trustProxy: TrustProxy): Incoming {
  return {
    raw,
    get ips() {
      return forwardedHops(raw, trustOf(trustProxy));
    },
  };
}

/** As Fastify reads X-Forwarded-For: the nearest hop first, up to the first one without trust. */
function forwardedHops({ socket, headers }: IncomingMessage, trust: Trust): string[] {
  const reported = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const hops = [socket.remoteAddress ?? '', ...reported.reverse()];
  const untrusted = hops.findIndex((address, hop) => !trust(address, hop));
  return untrusted === -1 ? hops : hops.slice(0, untrusted + 1);
}

/**
 * The peer, then each address that a trusted hop reports. A text that is not an address ends the
 * list.
 */
function readPath({ raw, ips = [] }: Incoming, trustProxy: TrustProxy): readonly string[] {
  const peer = peerAddress(raw);
  const header = headerOf(trustProxy) ?? callerHeaders.find((name) => name in raw.headers);
  const reported =
    header === 'x-real-ip' ? realIp(raw, isTrustedPeer(peer, trustProxy)) : ips.slice(1);
  const path = [peer];
  for (const address of reported.map((text) => plainAddress(text.trim()))) {
    if (address === undefined) {
      break;
    }
    path.push(address);
  }
  return path;
}

/** Of several, the one that the nearest proxy added. */
function realIp({ headers }: IncomingMessage, isTrusted: boolean): readonly string[] {
  return isTrusted
    ? String(headers['x-real-ip'] ?? '')
        .split(',')
        .slice(-1)
    : [];
}

function headerOf(trustProxy: TrustProxy): (typeof callerHeaders)[number] | undefined {
  return Array.isArray(trustProxy)
    ? callerHeaders.find((name) => trustProxy.includes(name))
    : undefined;
}

function isContradicted(
  { raw: { headers } }: Incoming,
  path: readonly string[],
  trustProxy: TrustProxy,
): boolean {
  if (
    headerOf(trustProxy) !== undefined ||
    callerHeaders.some((name) => headers[name] === undefined)
  ) {
    return false;
  }
  // Where every hop is believed, the caller can forge the farthest one, unless the proxy confirms
  // it.
  const named = trustProxy === true ? path.slice(-1) : path.slice(1);
  return !named.includes(plainAddress(String(headers['x-real-ip']).trim()) ?? '');
}

/** A header that is not believed, from a proxy or from a caller that poses as one. */
export interface UnbelievedHeader {
  readonly header: string;
  readonly peer: string;
  /**
   * `contradiction`: the peer is trusted, but its headers name two callers. `absent`: the peer
   * looks like a proxy but names no caller.
   */
  readonly reason: 'untrusted' | 'contradiction' | 'absent';
}

const proxyHeaders = [
  ...callerHeaders,
  'forwarded',
  'cf-connecting-ip',
  'true-client-ip',
  'x-forwarded-proto',
];

export function unbelievedHeader(
  request: Incoming,
  trustProxy: TrustProxy,
): UnbelievedHeader | undefined {
  const { raw } = request;
  const header = proxyHeaders.find((name) => raw.headers[name] !== undefined);
  const peer = peerAddress(raw);
  if (header === undefined) {
    return isOldHttp(raw) ? { header: 'x-forwarded-for', peer, reason: 'absent' } : undefined;
  }
  if (!isTrustedPeer(peer, trustProxy)) {
    return { header, peer, reason: 'untrusted' };
  }
  const contradicted = isContradicted(request, readPath(request, trustProxy), trustProxy);
  return contradicted ? { header, peer, reason: 'contradiction' } : undefined;
}

export function cameThroughProxy(request: IncomingMessage): boolean {
  return (
    isOldHttp(request) ||
    [...proxyHeaders, 'via'].some((name) => request.headers[name] !== undefined)
  );
}

/**
 * An nginx with `proxy_pass` alone sends no header that identifies it, but uses HTTP/1.0, which
 * hardly any client does by itself.
 */
function isOldHttp({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.0';
}
