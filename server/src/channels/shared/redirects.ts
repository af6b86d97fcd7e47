import type { HttpResponse } from '../../outbound/http-client.ts';

export interface RedirectRules {
  send(url: URL): Promise<HttpResponse>;
  /** Called before each hop; throws when it must not be taken. */
  enter(to: URL, from: URL): void;
}

export interface Followed {
  readonly response: HttpResponse;
  /** Where the response came from. */
  readonly url: URL;
}

const redirects = [301, 302, 303, 307, 308];
const maxHops = 5;

/**
 * A read whose redirects are followed, at most five of them. A response that leads nowhere (no
 * usable address, one hop too many) is returned as it is, with its 3xx status.
 */
export async function followRedirects(start: URL, rules: RedirectRules): Promise<Followed> {
  let url = start;
  for (let hop = 0; ; hop++) {
    const response = await rules.send(url);
    const next = redirects.includes(response.status) ? nextHop(response, url) : undefined;
    if (next === undefined || hop === maxHops) {
      return { response, url };
    }
    await response.discard();
    rules.enter(next, url);
    url = next;
  }
}

function nextHop(response: HttpResponse, from: URL): URL | undefined {
  const location = response.header('location');
  const to = location === undefined ? null : URL.parse(location, from);
  return to !== null && /^https?:$/.test(to.protocol) ? to : undefined;
}
