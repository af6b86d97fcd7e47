import type { IncomingMessage } from 'node:http';
import { type OriginSettings, requestOrigin } from './address/request-origin.ts';

/** The failure of a change by cookie that a page of another site asks for. */
export const foreignPage = {
  code: 'cross_site_request',
  message:
    'This request comes from a page of another site, so its cookie does not count. If it is a page of this server, set STOWAGE_PUBLIC_URL to the address of the page.',
} as const;

/**
 * Whether a page of another site made the browser send this request, as far as its headers show.
 * Programs send none of them. Hosts are compared, not schemes: a proxy that ends TLS may not name
 * the scheme, and browsers treat `http:` and `https:` of a host as two sites for these cookies.
 */
export function isForeign(request: IncomingMessage, settings: OriginSettings): boolean {
  const { origin, referer, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return true;
  }
  const own = ownHosts(request, settings);
  return [origin, referer].some((from) => from !== undefined && !own.includes(hostOf(from)));
}

/** The address that the owner set, and the one that this request asked for. */
function ownHosts(request: IncomingMessage, settings: OriginSettings): readonly string[] {
  const { trustProxy } = settings;
  return [requestOrigin(request, settings), requestOrigin(request, { trustProxy })].map(hostOf);
}

/** A text that no own host equals for what is not an address, such as `null`. */
function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : '';
}
