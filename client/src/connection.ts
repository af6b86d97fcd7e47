import type { Form } from './form.ts';
import { send } from './send.ts';

export interface ClientOptions {
  /** Address of the server, such as `https://files.example`. */
  readonly baseUrl: string | URL;
  /** API token. */
  readonly token?: string;
  /** Upload code, for the Upload API only. */
  readonly authCode?: string;
  readonly fetch?: typeof fetch;
  /** Maximum number of attempts of a request that may be repeated. Default 5. */
  readonly attempts?: number;
}

/** The server refused the request, or could not be reached (`status` 0). */
export class StowageError extends Error {
  override readonly name = 'StowageError';
  readonly status: number;
  /** Stable code of the Media API. */
  readonly code: string | undefined;
  /** What the Media API adds to some codes, such as `max_size`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterMs: number | undefined;
  /**
   * Whether the same request may succeed later, as the server stated it, otherwise derived from the
   * status.
   */
  readonly retryable: boolean;

  constructor(message: string, options: StowageErrorOptions) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.code = options.code;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable =
      options.retryable ?? ([0, 408, 425, 429].includes(options.status) || options.status >= 500);
  }
}

interface StowageErrorOptions {
  readonly status: number;
  readonly code?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly retryable?: boolean | undefined;
  readonly cause?: unknown;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the server's address, or absolute. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | boolean | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Blob;
  readonly form?: Form;
  /** Sends no credentials: upload URLs carry their own. */
  readonly anonymous?: boolean;
  /**
   * Repeating the call is harmless. Other calls are repeated only when the server asked to wait.
   */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the number of bytes of the body that were sent; starts again from 0 when the call
   * is repeated.
   */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/**
 * Sends a call, retries it where that helps, and returns the parsed JSON (undefined for an empty
 * response).
 */
export type Connection = (call: Call) => Promise<unknown>;

export function createConnection(options: ClientOptions): Connection {
  const { attempts = 5, baseUrl } = options;
  if (!/^https?:\/\/[^/]/i.test(String(baseUrl))) {
    throw new TypeError(
      `The address of the server must start with http:// or https://, such as http://127.0.0.1:8080, not "${baseUrl}".`,
    );
  }
  return async (call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await sendOnce(options, call);
      } catch (error) {
        if (attempt >= attempts || !(error instanceof StowageError) || !mayRepeat(error, call)) {
          throw error;
        }
        await pause(error.retryAfterMs ?? 2 ** attempt * 100 * (0.5 + Math.random()), call.signal);
      }
    }
  };
}

function mayRepeat(error: StowageError, { repeatable }: Call): boolean {
  return repeatable ? error.retryable : error.status === 429 || error.status === 503;
}

async function sendOnce(options: ClientOptions, call: Call): Promise<unknown> {
  const { method = 'GET', form, body = form?.body, signal, onSent } = call;
  const headers = headersOf(call, options);
  let response: Response;
  let text: string;
  try {
    response = await send(
      { url: address(options.baseUrl, call), method, headers, body, signal, onSent },
      options.fetch,
    );
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new StowageError('The server cannot be reached.', { status: 0, cause });
  }
  if (!response.ok) {
    throw refusal(response, text);
  }
  return parse(text);
}

function address(baseUrl: string | URL, { path, query = {} }: Call): URL {
  const url = path.startsWith('/')
    ? new URL(`${new URL(baseUrl).pathname.replace(/\/$/, '')}${path}`, baseUrl)
    : new URL(path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      url.searchParams.set(name, String(value));
    }
  }
  return url;
}

function headersOf(
  { anonymous, form, headers }: Call,
  { token, authCode }: ClientOptions,
): Record<string, string> {
  const all: Record<string, string> = {};
  if (token && !anonymous) {
    all.authorization = `Bearer ${token}`;
  }
  if (authCode && !anonymous) {
    all.authCode = authCode;
  }
  if (form) {
    all['content-type'] = form.contentType;
  }
  return { ...all, ...headers };
}

interface ErrorFields {
  readonly message?: string;
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryable?: boolean;
}

interface ErrorBody extends ErrorFields {
  /** An object in the Media API, a sentence in the other APIs. */
  readonly error?: string | ErrorFields;
}

function refusal(response: Response, text: string): StowageError {
  const body = (parse(text) ?? {}) as ErrorBody;
  const { message, ...error } =
    typeof body.error === 'object' ? body.error : { ...body, message: body.error ?? body.message };
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new StowageError(
    message ?? (text.slice(0, 500) || `The server returned ${response.status}.`),
    {
      status: response.status,
      code: error.code,
      details: error.details,
      retryable: typeof error.retryable === 'boolean' ? error.retryable : undefined,
      retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    },
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) {
      abort();
    }
  });
}
