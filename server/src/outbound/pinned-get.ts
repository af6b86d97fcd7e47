import { isIP, type LookupFunction } from 'node:net';
import { Agent, errors } from 'undici';
import { fail } from '../core/errors.ts';
import type { GetRequest, GetResponse, HttpGet } from '../core/imports/safe-fetch/http-get.ts';

/** The transport of `SafeFetch`: connects where the addresses were checked (docs/decisions/023). */
export const pinnedGet: HttpGet = async (request) => {
  request.signal.throwIfAborted();
  const agent = createAgent(request);
  try {
    return await get(agent, request);
  } catch (error) {
    void agent.destroy();
    request.signal.throwIfAborted();
    throw error instanceof errors.ConnectTimeoutError ? connectTimeout(error) : error;
  }
};

/** Of one request: a pool would hand a connection to a request whose addresses are others. */
function createAgent({ addresses, connectTimeoutMs }: GetRequest): Agent {
  return new Agent({
    connect: {
      lookup: pinnedLookup(addresses),
      timeout: connectTimeoutMs,
      rejectUnauthorized: true,
    },
    allowH2: false,
    // The signal ends what takes too long.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

async function get(agent: Agent, { url, headers, signal }: GetRequest): Promise<GetResponse> {
  const response = await agent.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: 'GET',
    headers,
    reset: true,
    signal,
  });
  // The reader of the body gets its errors; an error of an unread one must not end the process.
  response.body.on('error', () => undefined);
  const all = new Map(Object.entries(response.headers));
  return {
    status: response.statusCode,
    values: (name) => [all.get(name) ?? []].flat(),
    body: response.body,
    close: () => void agent.destroy(),
  };
}

/** Knows these addresses only, whatever the host's name means by now. */
function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (host, options, callback) => {
    const [first] = entries;
    if (first === undefined) {
      callback(new Error(`${host} has no address`), []);
    } else if (options.all) {
      callback(null, entries);
    } else {
      callback(null, first.address, first.family);
    }
  };
}

function connectTimeout(cause: Error): Error {
  const message = 'Connecting to the host of the url took too long.';
  return fail('fetch_timeout', { message, cause });
}
