import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '../core/imports/safe-fetch/address-rules.ts';

/**
 * For hosts that a remote names: resolves to public addresses only. One private address among them
 * refuses the host.
 */
export const publicLookup: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null) {
      callback(error, []);
    } else if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      callback(new Error(`${host} has no public address`), []);
    } else if (options.all) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
};

/**
 * False for a literal address that is not public. Names pass: `publicLookup` looks at what they
 * resolve to.
 */
export function mayBePublic({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 || isPublicAddress(host);
}
