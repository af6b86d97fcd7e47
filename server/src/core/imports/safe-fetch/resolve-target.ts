import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { fail, type StowageError } from '../../errors.ts';
import { isPublicAddress } from './address-rules.ts';
import type { Target } from './target.ts';

/** All addresses of a host name, in the order to try them. Rejects when there are none. */
export type Resolver = (host: string) => Promise<readonly string[]>;

export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * The addresses to connect to, asked for once. One forbidden address among them and the host is
 * refused, because its name server decides which of them a client takes.
 */
export async function resolveTarget(
  { host, trusted }: Target,
  {
    resolver,
    blocked,
  }: { readonly resolver: Resolver; readonly blocked: (address: string) => boolean },
): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await ask(host, resolver) : [host];
  const allowed = addresses.every(
    (address) => (trusted || isPublicAddress(address)) && !blocked(address),
  );
  if (!allowed || addresses.length === 0) {
    throw notAllowed(isIP(host) === 0 ? unknownOrInternal : undefined);
  }
  return addresses;
}

// One answer for both, so that callers do not learn which names a private network has.
const unknownOrInternal = 'The host of the url does not exist, or is not on the public internet.';

export function notAllowed(message?: string): StowageError {
  return fail('url_not_allowed', { message, details: { field: 'url' } });
}

/**
 * None when there is no such name. A failure of the name server itself proves nothing about a name
 * and may be temporary.
 */
async function ask(host: string, resolver: Resolver): Promise<readonly string[]> {
  try {
    return await resolver(host);
  } catch (cause) {
    if (!passing.has(String((cause as NodeJS.ErrnoException | null)?.code))) {
      return [];
    }
    throw fail('fetch_failed', {
      message: 'The host of the url cannot be looked up at the moment.',
      details: { upstreamStatus: null },
      cause,
    });
  }
}

/** Of the name server, of `getaddrinfo` and of c-ares. */
const passing: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ETIMEOUT',
  'ESERVFAIL',
  'ECONNREFUSED',
  'ETIMEDOUT',
]);
