import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, request as undiciRequest } from 'undici';
import type { ByteSource } from '../core/bytes.ts';
import { fail } from '../core/errors.ts';
import { exactly } from '../core/streams/exactly.ts';
import { tap } from '../core/streams/tap.ts';
import { createRedact, type Redact } from './redact.ts';

/**
 * HTTP calls of one channel (docs/decisions/025): keep-alive sockets of its own, streaming both
 * ways, no redirects followed, no retries. Errors are `StowageError`s whose text holds none of
 * `secrets`: `channel_unavailable` for anything the network does; the caller turns statuses into
 * codes with `failForStatus`. An aborted signal rejects with its reason, an error of the body's
 * source is passed on as it is.
 */
export interface HttpClient {
  send(request: HttpRequest): Promise<HttpResponse>;
  readonly redact: Redact;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Name of the service in error texts, such as `Telegram`. */
  readonly service: string;
  readonly secrets?: readonly (string | undefined)[];
  /** Maximum number of sockets per host. Default 32. */
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  /** Resolves host names in place of the system, for instance to refuse some addresses. */
  readonly lookup?: LookupFunction;
  /** How long an idle socket is kept where the server does not say. Default 4 s. */
  readonly keepAliveMs?: number;
  /**
   * Silence after which a call is abandoned, before the response or between two chunks of it.
   * Default 5 minutes.
   */
  readonly idleTimeoutMs?: number;
}

export interface HttpRequest {
  readonly method:
    | 'GET'
    | 'HEAD'
    | 'POST'
    | 'PUT'
    | 'PATCH'
    | 'DELETE'
    | 'MKCOL'
    | 'MOVE'
    | 'PROPFIND'
    | 'OPTIONS';
  readonly url: string | URL;
  /**
   * Path and query that go out letter for letter in place of those of `url`: no dot segment is
   * resolved and nothing is escaped, as a signature over them asks for.
   */
  readonly exactPath?: string;
  /** Those that are undefined are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Uint8Array | ByteSource | undefined;
  /**
   * Bytes in a streamed `body`: sent as `Content-Length`, and a source that ends early or runs over
   * is an error. Otherwise the body is sent chunked.
   */
  readonly contentLength?: number | undefined;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /**
   * The body; read it, or call `text`, `json` or `discard`: else the socket stays busy. Leaving it
   * early closes the socket.
   */
  readonly stream: ByteSource;
  /** At most `maxBytes` (64 KiB) of the body; the rest is thrown away. */
  text(maxBytes?: number): Promise<string>;
  /** Parsed body (at most 1 MiB); undefined when it is not JSON. */
  json(): Promise<unknown>;
  discard(): Promise<void>;
}

type Body = AsyncIterable<Uint8Array> & {
  destroy(error?: Error): unknown;
  dump(options?: { limit: number }): Promise<void>;
};

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const redact = createRedact(options.secrets ?? []);
  const idleMs = options.idleTimeoutMs ?? 300_000;
  const agent = new Agent({
    connections: options.connections ?? 32,
    connect: {
      timeout: options.connectTimeoutMs ?? 10_000,
      ...(options.lookup && { lookup: options.lookup }),
    },
    // Large bodies go faster over several connections than over the streams of one
    allowH2: false,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    // below the 5 s after which Apache, lighttpd and Node.js close an idle socket: else a request
    // may meet that close
    keepAliveTimeout: options.keepAliveMs ?? 4_000,
  });
  const context: Context = { service: options.service, redact, agent };
  return { send: (request) => send(context, request), redact, close: () => agent.destroy() };
}

interface Context {
  readonly service: string;
  readonly redact: Redact;
  readonly agent: Agent;
}

async function send(context: Context, request: HttpRequest): Promise<HttpResponse> {
  request.signal.throwIfAborted();
  const watched = watch(request.body, request.contentLength);
  try {
    const response = await dispatch(context.agent, request, {
      method: request.method,
      headers: { ...request.headers, ...lengthHeader(request) },
      body: watched.body as never,
      signal: request.signal,
    });
    return present(context, request.signal, response);
  } catch (error) {
    request.signal.throwIfAborted();
    if (watched.failure !== undefined) {
      throw watched.failure.error;
    }
    throw networkError(context, error);
  }
}

function dispatch(
  agent: Agent,
  { url, exactPath }: HttpRequest,
  options: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>,
) {
  if (exactPath === undefined) {
    return undiciRequest(url, { ...options, dispatcher: agent });
  }
  return agent.request({ ...options, origin: url, path: exactPath });
}

function lengthHeader(request: HttpRequest): Record<string, string> {
  return request.contentLength === undefined
    ? {}
    : { 'content-length': String(request.contentLength) };
}

interface Watched {
  readonly body: unknown;
  readonly failure: { readonly error: unknown } | undefined;
}

/** Remembers an error of the caller's source, which must not be taken for one of the network. */
function watch(body: HttpRequest['body'], length: number | undefined): Watched {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    return { body, failure: undefined };
  }
  let failure: { readonly error: unknown } | undefined;
  const source = length === undefined ? withoutEmpty(body) : exactly(body, length);
  return {
    body: tap(source, { onError: (error) => (failure = { error }) }),
    get failure() {
      return failure;
    },
  };
}

/** An empty chunk would end a chunked body. */
async function* withoutEmpty(source: ByteSource): ByteSource {
  for await (const chunk of source) {
    if (chunk.length > 0) {
      yield chunk;
    }
  }
}

type UndiciResponse = Awaited<ReturnType<typeof undiciRequest>>;

function present(context: Context, signal: AbortSignal, response: UndiciResponse): HttpResponse {
  const body = response.body as unknown as Body;
  const stream = mapErrors(context, signal, body);
  const text = async (maxBytes = 65_536) =>
    Buffer.concat(await head(stream, maxBytes)).toString('utf8');
  return {
    status: response.statusCode,
    header: (name) => [response.headers[name.toLowerCase()]].flat()[0],
    stream,
    text,
    json: async () => parseJson(await text(1_048_576)),
    async discard() {
      await body.dump({ limit: 65_536 }).catch(() => undefined);
      await socketIsFree();
    },
  };
}

async function* mapErrors(
  context: Context,
  signal: AbortSignal,
  body: Body,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw networkError(context, error);
  }
  await socketIsFree();
}

/**
 * undici hands the socket of a response to the next call one turn of the event loop after its end.
 * A call before that would open another.
 */
function socketIsFree(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function head(stream: ByteSource, maxBytes: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let room = maxBytes;
  for await (const chunk of stream) {
    chunks.push(chunk.subarray(0, room));
    room -= chunk.length;
    if (room <= 0) {
      break;
    }
  }
  return chunks;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function networkError(context: Context, error: unknown) {
  const words = context.redact(
    error instanceof Error ? error.message || error.name : String(error),
  );
  // undici's own errors may hold the request's URL and headers, and with them a secret: only the
  // redacted words are passed on
  return fail('channel_unavailable', { message: `${context.service}: ${words}` });
}
