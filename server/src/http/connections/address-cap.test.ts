import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createAddressCap } from './address-cap.ts';

function from(remoteAddress: string | undefined): Socket {
  return Object.assign(new EventEmitter(), { remoteAddress }) as unknown as Socket;
}

function cap(maxPerAddress: number) {
  const warnings: unknown[] = [];
  const log = {
    info: () => undefined,
    error: () => undefined,
    warn: (details: unknown) => void warnings.push(details),
  };
  return {
    warnings,
    mayStay: createAddressCap({ maxPerAddress, isProxy: (address) => address === '10.0.0.1', log }),
  };
}

it('lets so many of an address stay, and others when they have left', () => {
  const { mayStay, warnings } = cap(2);
  const first = from('192.0.2.1');
  expect(
    [first, from('192.0.2.1'), from('::ffff:192.0.2.1'), from('192.0.2.2')].map(mayStay),
  ).toEqual([true, true, false, true]);
  expect(mayStay(from('192.0.2.1'))).toBe(false);
  expect(warnings).toEqual([{ address: '192.0.2.1', maxPerAddress: 2 }]);
  first.emit('close');
  expect(mayStay(from('192.0.2.1'))).toBe(true);
});

it.each<[string, number, readonly (string | undefined)[], readonly boolean[]]>([
  [
    'counts a /64 as one',
    1,
    ['2001:db8:0:1::1', '2001:db8:0:1:ff::2', '2001:db8:0:2::1'],
    [true, false, true],
  ],
  ['does not count proxies', 1, ['10.0.0.1', '10.0.0.1', '10.0.0.1'], [true, true, true]],
  ['counts nothing without a limit', 0, ['192.0.2.1', '192.0.2.1'], [true, true]],
  ['leaves alone what has gone already', 1, [undefined, undefined], [true, true]],
])('%s', (_, limit, addresses, stays) => {
  const { mayStay } = cap(limit);
  expect(addresses.map((address) => mayStay(from(address)))).toEqual(stays);
});
