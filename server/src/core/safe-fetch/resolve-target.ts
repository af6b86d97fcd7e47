import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { fail, type StowageError } from '../errors.ts';
import { isPublicAddress } from './address-rules.ts';
import type { Target } from './target.ts';

/** All addresses of a host name, in the order to try them. Rejects when there are none. */
export type Resolver = (host: string) => Promise<readonly string[]>;

export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * The addresses to connect to, asked for once. One forbidden address among them and the host is refused: which of them would be taken is up to
 * whoever answers for its name.
 */
export async function resolveTarget({ host, trusted }: Target, resolver: Resolver): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await ask(host, resolver) : [host];
  if (!trusted && !addresses.every(isPublicAddress)) throw notAllowed();
  return addresses;
}

export function notAllowed(message?: string): StowageError {
  return fail('url_not_allowed', { ...(message !== undefined && { message }), details: { field: 'url' } });
}

async function ask(host: string, resolver: Resolver): Promise<readonly string[]> {
  try {
    const addresses = await resolver(host);
    if (addresses.length > 0) return addresses;
  } catch (cause) {
    throw unresolved(cause);
  }
  throw unresolved();
}

function unresolved(cause?: unknown): StowageError {
  return fail('fetch_failed', {
    message: 'The host of the url could not be found.',
    details: { upstream_status: null },
    ...(cause !== undefined && { cause }),
  });
}

/** A `lookup` that knows these addresses only, so that a connection goes where the check was. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (host, options, callback) => {
    const [first] = entries;
    if (first === undefined) callback(new Error(`${host} has no address`), []);
    else if (options.all) callback(null, entries);
    else callback(null, first.address, first.family);
  };
}
