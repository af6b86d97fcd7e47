import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { inNetworks } from '../core/imports/safe-fetch/address-rules.ts';

/**
 * The proxies that may name the caller: none, all, a number of hops before the server, or these
 * addresses and networks (`10.0.0.0/8`, `loopback`). A list may also name the one header that they
 * write, `x-forwarded-for` or `x-real-ip`; the other one is then ignored.
 */
export type TrustProxy = boolean | number | readonly string[];

/** What is read of a request. `ips` is what Fastify makes of X-Forwarded-For with `trustOf`. */
export type Incoming = Pick<FastifyRequest, 'raw' | 'ips'>;

/**
 * The address of the caller (docs/decisions/024). That is the peer's, unless
 * the peer is a trusted proxy. Then it comes from X-Forwarded-For, read from the nearest hop
 * outwards to the first address that is not trusted, or from X-Real-IP. When a proxy sends both
 * headers, the caller may have forged one of them, so neither is believed unless X-Real-IP is one
 * of the hops that were read. No other header counts. IPv4 is written plainly also on IPv6 sockets.
 */
export function callerAddress(request: Incoming, trustProxy: TrustProxy): string {
  const path = readPath(request, trustProxy);
  const caller = isContradicted(request, path, trustProxy) ? path[0] : path.at(-1);
  return caller ?? unknownAddress;
}

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

const unknownAddress = 'unknown';

function peerAddress({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '') ?? unknownAddress;
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

const callerHeaders = ['x-forwarded-for', 'x-real-ip'] as const;

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

export interface OriginSettings {
  /** Set by the owner. Takes precedence. */
  readonly publicUrl?: string | undefined;
  readonly trustProxy: TrustProxy;
}

/**
 * Where the caller reaches this server, as `https://host[:port]` (or `publicUrl`, which may have a
 * path), without a trailing slash. Without `publicUrl` it comes from the Host header, or from
 * X-Forwarded-Host and -Proto of a trusted proxy. A malformed host is ignored in favour of the
 * socket's address.
 */
export function requestOrigin(
  request: IncomingMessage,
  { publicUrl, trustProxy }: OriginSettings,
): string {
  if (publicUrl !== undefined) {
    return publicUrl.replace(/\/+$/, '');
  }
  const { socket, headers } = request;
  const behindProxy = isTrustedPeer(peerAddress(request), trustProxy);
  const forwarded = (name: string) =>
    behindProxy
      ? String(headers[name] ?? '')
          .split(',', 1)[0]
          ?.trim()
      : undefined;
  const scheme =
    /^https?$/i.exec(forwarded('x-forwarded-proto') ?? '')?.[0].toLowerCase() ??
    ('encrypted' in socket ? 'https' : 'http');
  const host = [forwarded('x-forwarded-host'), headers.host].find(
    (candidate) => candidate !== undefined && isHost(candidate),
  );
  return `${scheme}://${host?.toLowerCase() ?? socketHost(request)}`;
}

function isHost(host: string): boolean {
  return (
    host.length <= 261 &&
    /^(?:[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host)
  );
}

function socketHost({ socket }: IncomingMessage): string {
  const address = plainAddress(socket.localAddress ?? '') ?? '127.0.0.1';
  return `${isIP(address) === 6 ? `[${address}]` : address}:${socket.localPort ?? 0}`;
}

/**
 * Without port, brackets, zone and IPv4-in-IPv6 form. Undefined when the text is not an address.
 */
export function plainAddress(text: string): string | undefined {
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ??
    text;
  const address = bare.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? undefined : mapped;
}

/** Whether headers from this address, as the nearest hop, are believed. */
export function isTrustedPeer(address: string, trustProxy: TrustProxy): boolean {
  return trustOf(trustProxy)(address, 0);
}

type Trust = (address: string, hop: number) => boolean;

const maxHops = 32;
const networkTrusts = new WeakMap<readonly string[], Trust>();

/**
 * For Fastify's `trustProxy`, which is asked about each hop, the nearest first. A text that is not
 * an address is not trusted, because nothing beyond it can be believed.
 */
export function trustOf(trustProxy: TrustProxy): Trust {
  if (typeof trustProxy === 'boolean') {
    return trustHops(trustProxy ? maxHops : 0, () => true);
  }
  if (typeof trustProxy === 'number') {
    return trustHops(trustProxy, () => true);
  }
  const trust = networkTrusts.get(trustProxy) ?? trustNetworks(trustProxy);
  networkTrusts.set(trustProxy, trust);
  return trust;
}

function trustHops(hops: number, isTrusted: (address: string) => boolean): Trust {
  return (text, hop) => {
    const address = hop < hops ? plainAddress(text) : undefined;
    return address !== undefined && isTrusted(address);
  };
}

const namedNetworks: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
]);

function trustNetworks(networks: readonly string[]): Trust {
  const addresses = networks.filter((name) => !callerHeaders.some((header) => header === name));
  return trustHops(
    maxHops,
    inNetworks(addresses.flatMap((name) => namedNetworks.get(name) ?? [name])),
  );
}
