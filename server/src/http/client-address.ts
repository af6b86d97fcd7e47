import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * The proxies that may name the caller: none, all, a number of hops before the server, or these
 * addresses and networks (`10.0.0.0/8`, `loopback`). A list may also name the one header that they
 * write, `x-forwarded-for` or `x-real-ip`; the other one is then ignored.
 */
export type TrustProxy = boolean | number | readonly string[];

/**
 * The address of the caller. That is the peer's, unless the peer is a trusted proxy. Then it comes
 * from X-Forwarded-For, read from the nearest hop outwards to the first address that is not
 * trusted, or from X-Real-IP. When a proxy sends both headers, the caller may have forged one of
 * them, so neither is believed unless X-Real-IP is one of the hops that were read. No other header
 * counts. IPv4 is written plainly also on IPv6 sockets.
 */
export function clientAddress(request: IncomingMessage, trustProxy: TrustProxy): string {
  const path = readPath(request, trustProxy);
  return (isContradicted(request, path, trustProxy) ? path[0] : path.at(-1)) ?? unknownAddress;
}

const unknownAddress = 'unknown';

function peerAddress({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '') ?? unknownAddress;
}

/** The peer, then each address that a trusted hop reports. */
function readPath(request: IncomingMessage, trustProxy: TrustProxy): readonly string[] {
  const isTrusted = trustOf(trustProxy);
  const path = [peerAddress(request)];
  for (const [hop, next] of forwardedFor(request, trustProxy).entries()) {
    if (!isTrusted(path[hop] ?? '', hop) || next === undefined) {
      break;
    }
    path.push(next);
  }
  return path;
}

const callerHeaders = ['x-forwarded-for', 'x-real-ip'] as const;

function headerOf(trustProxy: TrustProxy): (typeof callerHeaders)[number] | undefined {
  return Array.isArray(trustProxy)
    ? callerHeaders.find((name) => trustProxy.includes(name))
    : undefined;
}

function isContradicted(
  { headers }: IncomingMessage,
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
  request: IncomingMessage,
  trustProxy: TrustProxy,
): UnbelievedHeader | undefined {
  const header = proxyHeaders.find((name) => request.headers[name] !== undefined);
  const peer = peerAddress(request);
  if (header === undefined) {
    return isOldHttp(request) ? { header: 'x-forwarded-for', peer, reason: 'absent' } : undefined;
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
 * The addresses that the previous hops report, nearest first. A text that is not an address ends
 * the list, because nothing beyond it can be believed.
 */
function forwardedFor(
  { headers }: IncomingMessage,
  trustProxy: TrustProxy,
): readonly (string | undefined)[] {
  const named = headerOf(trustProxy);
  const list =
    named === undefined ? (headers['x-forwarded-for'] ?? headers['x-real-ip']) : headers[named];
  if (list === undefined) {
    return [];
  }
  const hops = String(list).split(',').slice(-maxHops).reverse();
  return hops.map((hop) => plainAddress(hop.trim()));
}

const maxHops = 32;

/**
 * Without port, brackets, zone and IPv4-in-IPv6 form. Undefined when the text is not an address.
 */
function plainAddress(text: string): string | undefined {
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

const networkTrusts = new WeakMap<readonly string[], Trust>();

function trustOf(trustProxy: TrustProxy): Trust {
  if (typeof trustProxy === 'boolean') {
    return () => trustProxy;
  }
  if (typeof trustProxy === 'number') {
    return (_, hop) => hop < trustProxy;
  }
  const trust = networkTrusts.get(trustProxy) ?? trustNetworks(trustProxy);
  networkTrusts.set(trustProxy, trust);
  return trust;
}

const namedNetworks: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
]);

function trustNetworks(networks: readonly string[]): Trust {
  const blocks = new BlockList();
  const addresses = networks.filter((name) => !callerHeaders.some((header) => header === name));
  for (const network of addresses.flatMap((name) => namedNetworks.get(name) ?? [name])) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    blocks.addSubnet(
      address,
      bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits),
      family,
    );
  }
  return (address) => isIP(address) !== 0 && blocks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
