import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Which proxies may name the caller: none, all, so many hops before us, or these addresses and networks (`10.0.0.0/8`, `loopback`). */
export type TrustProxy = boolean | number | readonly string[];

/**
 * The address of the caller: the peer's, unless it is a trusted proxy; then what X-Forwarded-For says, read from the nearest hop outwards up to the
 * first address that is not trusted. X-Real-IP counts when a trusted proxy sends that alone. No other header does. IPv4 is
 * written plainly also on IPv6 sockets.
 */
export function clientAddress(request: IncomingMessage, trustProxy: TrustProxy): string {
  const isTrusted = trustOf(trustProxy);
  let address = plainAddress(request.socket.remoteAddress ?? '') ?? 'unknown';
  for (const [hop, next] of forwardedFor(request).entries()) {
    if (!isTrusted(address, hop) || next === undefined) break;
    address = next;
  }
  return address;
}

export interface OriginSettings {
  /** The owner's word, which settles it. */
  readonly publicUrl?: string | undefined;
  readonly trustProxy: TrustProxy;
}

/**
 * Where the caller reaches this server, as `https://host[:port]` (or `publicUrl`, which may have a path), without a trailing slash. Without
 * `publicUrl` it is the Host header, or what a trusted proxy says in X-Forwarded-Host and -Proto. A malformed host counts as none: then
 * it is the address of the socket.
 */
export function requestOrigin(request: IncomingMessage, { publicUrl, trustProxy }: OriginSettings): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
  const { socket, headers } = request;
  const behindProxy = trustOf(trustProxy)(plainAddress(socket.remoteAddress ?? '') ?? '', 0);
  const forwarded = (name: string) =>
    behindProxy
      ? String(headers[name] ?? '')
          .split(',', 1)[0]
          ?.trim()
      : undefined;
  const scheme =
    /^https?$/i.exec(forwarded('x-forwarded-proto') ?? '')?.[0].toLowerCase() ?? ('encrypted' in socket ? 'https' : 'http');
  const host = [forwarded('x-forwarded-host'), headers.host].find((candidate) => candidate !== undefined && isHost(candidate));
  return `${scheme}://${host?.toLowerCase() ?? socketHost(request)}`;
}

function isHost(host: string): boolean {
  return host.length <= 261 && /^(?:[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host);
}

function socketHost({ socket }: IncomingMessage): string {
  const address = plainAddress(socket.localAddress ?? '') ?? '127.0.0.1';
  return `${isIP(address) === 6 ? `[${address}]` : address}:${socket.localPort ?? 0}`;
}

/** The addresses that the hops before us claim, nearest first. What is no address ends the list: nothing beyond it can be believed. */
function forwardedFor({ headers }: IncomingMessage): readonly (string | undefined)[] {
  const list = headers['x-forwarded-for'] ?? headers['x-real-ip'];
  if (list === undefined) return [];
  const hops = String(list).split(',').slice(-MAX_HOPS).reverse();
  return hops.map((hop) => plainAddress(hop.trim()));
}

const MAX_HOPS = 32;

/** Without port, brackets, zone, and IPv4-in-IPv6 form; undefined when it is no address. */
function plainAddress(text: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? undefined : mapped;
}

type Trust = (address: string, hop: number) => boolean;

const networkTrusts = new WeakMap<readonly string[], Trust>();

function trustOf(trustProxy: TrustProxy): Trust {
  if (typeof trustProxy === 'boolean') return () => trustProxy;
  if (typeof trustProxy === 'number') return (_, hop) => hop < trustProxy;
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
  for (const network of networks.flatMap((name) => namedNetworks.get(name) ?? [name])) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    blocks.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && blocks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
