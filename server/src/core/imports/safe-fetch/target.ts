import { isIP } from 'node:net';
import { fail } from '../../errors.ts';

export interface TargetRules {
  readonly allowHttp: boolean;
  /** Names and addresses as `hostKey` writes them. */
  readonly allowedPrivateHosts: ReadonlySet<string>;
}

/** An address that may be fetched as far as its text shows. */
export interface Target {
  readonly url: URL;
  /**
   * Without brackets and trailing dot. Numeric forms (decimal, octal, hex, short) are plain
   * addresses by now.
   */
  readonly host: string;
  /** The owner trusts this host wherever it is. */
  readonly trusted: boolean;
}

const publicPorts = new Set(['', '80', '443']);

/**
 * Throws `invalid_url` for what is no address of a public web server; `base` resolves the relative
 * ones of redirects.
 */
export function parseTarget(text: string, rules: TargetRules, base?: URL): Target {
  const url = parse(text, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw invalid('The url must begin with https:// or http://.');
  }
  if (url.protocol === 'http:' && !rules.allowHttp) {
    throw invalid('The url must begin with https://.');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('The url must not contain a user name or password.');
  }
  const host = hostOf(url);
  if (host === '') {
    throw invalid('The url has no host.');
  }
  const trusted = rules.allowedPrivateHosts.has(host);
  if (!trusted && !publicPorts.has(url.port)) {
    throw invalid('The url must use port 80 or 443.');
  }
  return { url, host, trusted };
}

/**
 * A configured host in the form that hosts of URLs have: lower case, IDN in ASCII, numeric forms
 * plain.
 */
export function hostKey(host: string): string {
  const bare = host.trim().replace(/^\[(.*)\]$/, '$1');
  const written = isIP(bare) === 6 ? `[${bare}]` : bare;
  return URL.canParse(`http://${written}/`)
    ? hostOf(new URL(`http://${written}/`))
    : bare.toLowerCase();
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.+$/, '');
}

function parse(text: string, base: URL | undefined): URL {
  const url = URL.parse(text, base?.href);
  if (url === null) {
    throw invalid('The url is not a valid absolute address.');
  }
  return url;
}

function invalid(message: string) {
  return fail('invalid_url', { message, details: { field: 'url' } });
}
