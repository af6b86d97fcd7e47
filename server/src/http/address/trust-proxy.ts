import { inNetworks } from '../../core/imports/safe-fetch/address-rules.ts';
import { plainAddress } from './plain-address.ts';

/**
 * The proxies that may name the caller: none, all, a number of hops before the server, or these
 * addresses and networks (`10.0.0.0/8`, `loopback`). A list may also name the one header that they
 * write, `x-forwarded-for` or `x-real-ip`; the other one is then ignored.
 */
export type TrustProxy = boolean | number | readonly string[];

/** The headers in which a proxy names the caller. */
export const callerHeaders = ['x-forwarded-for', 'x-real-ip'] as const;

/** Whether headers from this address, as the nearest hop, are believed. */
export function isTrustedPeer(address: string, trustProxy: TrustProxy): boolean {
  return trustOf(trustProxy)(address, 0);
}

/** Whether a hop is trusted; 0 is the peer. */
export type Trust = (address: string, hop: number) => boolean;

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
