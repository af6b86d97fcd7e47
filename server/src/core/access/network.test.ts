import fc from 'fast-check';
import { expect, it } from 'vitest';
import { networksOf } from './network.ts';

it.each([
  ['192.0.2.1', '192.0.2.1', undefined],
  ['::ffff:192.0.2.1', '192.0.2.1', undefined],
  ['::ffff:c000:201', '192.0.2.1', undefined],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1', undefined],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:0DB8:0001:0002::6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::1:2', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', '64:ff9b:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
  ['::', '0:0:0:0::/64', '0:0:0::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['unknown', 'unknown', undefined],
  ['', '', undefined],
])('%s stands for %s and %s', (address, near, wide) =>
  expect(networksOf(address)).toEqual({ near, wide }),
);

it('does not depend on the second half of an IPv6 address, nor on its spelling', () => {
  const group = fc.integer({ min: 1, max: 0xffff }).map((number) => number.toString(16));
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 4, maxLength: 4 }),
      fc.array(group, { minLength: 4, maxLength: 4 }),
      (net, host) => {
        const spelt = [...net, ...host]
          .map((text) => text.padStart(4, '0').toUpperCase())
          .join(':');
        expect(networksOf(spelt)).toEqual(networksOf(`${net.join(':')}::`));
      },
    ),
  );
});
