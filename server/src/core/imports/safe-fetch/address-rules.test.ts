import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './address-rules.ts';

/**
 * First and last address of every block that must never be reached, as bytes of the network and its
 * bits.
 */
const forbiddenV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '161.26.0.0/16', // IBM's service networks
  '166.8.0.0/14',
  '168.63.129.16/32', // Azure's host
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

const forbiddenV6: readonly (readonly [prefix: bigint, bits: number])[] = [
  [0n, 128], // ::
  [1n, 128], // ::1
  [0n, 96], // IPv4-compatible
  [0xffffn << 32n, 96], // IPv4-mapped
  [0xffff0000n << 32n, 96], // IPv4-translated
  [0x64ff9bn << 96n, 96], // NAT64
  [0x64ff9b0001n << 80n, 48], // NAT64 of one's own
  [0x100n << 112n, 64], // discard
  [0x20010000n << 96n, 32], // Teredo
  [0x20010db8n << 96n, 32], // documentation
  [0x2002n << 112n, 16], // 6to4
  [0x3fffn << 112n, 20], // documentation
  [0xfc00n << 112n, 7], // ULA
  [0xfe80n << 112n, 10], // link-local
  [0xfec0n << 112n, 10], // site-local
  [0xff00n << 112n, 8], // multicast
];

const publicAddresses = [
  ...[
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
  ],
  ...[
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
  ],
  ...['198.17.255.255', '198.20.0.0', '203.0.112.255', '223.255.255.255'],
  ...[
    '2606:4700:4700::1111',
    '2001:4860:4860::8888',
    '2a00:1450:4001:80b::200e',
    '2001:200::1',
    '2003::1',
    '2620:fe::fe',
  ],
];

function v4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function v6(value: bigint): string {
  return [...Array(8).keys()]
    .map((at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16))
    .join(':');
}

function numberOf(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

/** Any address of these blocks. */
const anyForbiddenV4 = fc.constantFrom(...forbiddenV4).chain((block) => {
  const [network = '', bits] = block.split('/');
  return fc.nat(2 ** (32 - Number(bits)) - 1).map((offset) => v4(numberOf(network) + offset));
});
const anyForbiddenV6 = fc
  .constantFrom(...forbiddenV6)
  .chain(([prefix, bits]) =>
    fc.bigInt({ min: 0n, max: 2n ** BigInt(128 - bits) - 1n }).map((offset) => v6(prefix + offset)),
  );

describe('isPublicAddress', () => {
  it.each(publicAddresses)('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each(forbiddenV4)('refuses the first and the last address of %s', (block) => {
    const [network = '', bits] = block.split('/');
    const first = numberOf(network);
    expect([v4(first), v4(first + 2 ** (32 - Number(bits)) - 1)].map(isPublicAddress)).toEqual([
      false,
      false,
    ]);
  });

  it('refuses every IPv4 address of a forbidden block', () => {
    fc.assert(fc.property(anyForbiddenV4, (address) => !isPublicAddress(address)));
  });

  it('refuses every IPv6 address of a forbidden block', () => {
    fc.assert(fc.property(anyForbiddenV6, (address) => !isPublicAddress(address)));
  });

  it('refuses every IPv4 address inside an IPv6 one', () => {
    const wrapped = fc.tuple(
      fc.constantFrom('::ffff:', '::', '64:ff9b::', '::ffff:0:'),
      fc.nat(2 ** 32 - 1),
    );
    fc.assert(fc.property(wrapped, ([prefix, value]) => !isPublicAddress(`${prefix}${v4(value)}`)));
  });

  it('takes only global unicast of IPv6', () => {
    const outside = fc
      .bigInt({ min: 0n, max: 2n ** 128n - 1n })
      .filter((value) => value >> 125n !== 1n);
    fc.assert(fc.property(outside, (value) => !isPublicAddress(v6(value))));
  });

  it.each([
    '',
    'localhost',
    '1.2.3',
    '8.8.8.8%eth0',
    'fe80::1%eth0',
    '2606:4700::1%lo',
    '08.8.8.8',
    '8.8.8.8.',
    '0x8.8.8.8',
  ])('refuses %j, which is no plain address', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });
});
