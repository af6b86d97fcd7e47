import { fail } from '../../core/errors.ts';
import {
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../outbound/http-client.ts';
import { mayBePublic, publicLookup } from '../../outbound/public-hosts.ts';
import { followRedirects } from '../shared/redirects.ts';

/**
 * GET or HEAD, redirects followed: OpenList, AList and Nextcloud over object storage answer a read
 * with an address where the bytes lie. `isOwn` is false when another origin responded.
 */
export type Read = (
  url: string,
  request: Pick<HttpRequest, 'method' | 'signal'> & {
    readonly headers: Readonly<Record<string, string>>;
  },
) => Promise<{ readonly response: HttpResponse; readonly isOwn: boolean }>;

interface ReaderOptions {
  readonly client: HttpClient;
  readonly secrets: readonly (string | undefined)[];
  readonly baseUrl: string;
  /** Credentials and whatever else is configured: for the server itself only. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * How far the redirects so far have led: inside the configured origin, to another port of its host,
 * or elsewhere. It never comes back.
 */
type Reach = 'origin' | 'host' | 'elsewhere';

export function createReader({ client, secrets, baseUrl, headers }: ReaderOptions): {
  readonly read: Read;
  close(): Promise<void>;
} {
  const base = new URL(baseUrl);
  const outside = createHttpClient({ service: 'WebDAV', secrets, lookup: publicLookup });
  const read: Read = async (url, request) => {
    let reach: Reach = 'origin';
    const { response } = await followRedirects(new URL(url), {
      send: (to) =>
        (reach === 'elsewhere' ? outside : client).send({
          ...request,
          url: to,
          headers: reach === 'origin' ? { ...headers, ...request.headers } : request.headers,
        }),
      enter: (to) => {
        reach = further(reach, to, base);
        if (reach === 'elsewhere') {
          requirePublic(to);
        }
      },
    });
    return { response, isOwn: reach === 'origin' };
  };
  return { read, close: () => outside.close() };
}

function further(reach: Reach, to: URL, base: URL): Reach {
  if (reach === 'elsewhere' || to.hostname !== base.hostname) {
    return 'elsewhere';
  }
  return reach === 'origin' && to.origin === base.origin ? 'origin' : 'host';
}

/**
 * The server may lead to its own host and to public ones; a private neighbour would be read on its
 * word alone.
 */
function requirePublic(to: URL): void {
  if (mayBePublic(to)) {
    return;
  }
  throw fail('channel_refused', {
    message: `WebDAV: the server redirects reads to ${to.hostname}, a private address other than that of baseUrl`,
  });
}
