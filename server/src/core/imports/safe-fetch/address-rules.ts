import { BlockList, isIP } from 'node:net';

type Subnet = readonly [network: string, bits: number];

// IANA special-purpose registry: everything that is not plain public unicast. Among them what
// clouds tell their machines at public addresses: IBM's service networks (161.26, 166.8), Azure's
// host (168.63.129.16).
const notPublicV4: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['161.26.0.0', 16],
  ['166.8.0.0', 14],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

// The only block of public unicast. Loopback, ULA, link-local, multicast, IPv4-mapped and
// -compatible, NAT64 and discard addresses lie outside.
const unicastV6: readonly Subnet[] = [['2000::', 3]];

// Inside of it: Teredo, ORCHID and benchmarks (2001::/23), documentation, 6to4.
const notPublicV6: readonly Subnet[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blockedV4 = listOf(notPublicV4, 'ipv4');
const globalV6 = listOf(unicastV6, 'ipv6');
const blockedV6 = listOf(notPublicV6, 'ipv6');

/**
 * Whether an address in text form belongs to the public internet. False for what is no address, or
 * has a zone.
 */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) {
    return false;
  }
  const family = isIP(address);
  if (family === 4) {
    return !blockedV4.check(address, 'ipv4');
  }
  return family === 6 && globalV6.check(address, 'ipv6') && !blockedV6.check(address, 'ipv6');
}

/**
 * Whether an address lies in one of these networks: an address alone, or with `/` and the number of
 * bits.
 */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) {
      list.addAddress(address, family);
    } else {
      list.addSubnet(address, Number(bits), family);
    }
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function listOf(subnets: readonly Subnet[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [network, bits] of subnets) {
    list.addSubnet(network, bits, family);
  }
  return list;
}
