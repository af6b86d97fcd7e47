import type { Form } from './form.ts';

export interface ClientOptions {
  /** Address of the server, such as `https://files.example`. */
  readonly baseUrl: string | URL;
  /** API token. */
  readonly token?: string;
  /** Upload code, for the Upload API only. */
  readonly authCode?: string;
  readonly fetch?: typeof fetch;
  /** Tries of a request that may be repeated. Default 5. */
  readonly attempts?: number;
}

/** The server said no, or could not be reached (`status` 0). */
export class StowageError extends Error {
  override readonly name = 'StowageError';
  readonly status: number;
  /** Stable code of the Media API. */
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { status: number; code?: string; retryAfterMs?: number; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.code = options.code;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500;
  }
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
  /** Repeating it does no harm. Else it is only repeated when the server asked to wait. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Sends a call, repeats it where that helps, and answers the parsed JSON (undefined when there is none). */
export type Connection = (call: Call) => Promise<unknown>;

export function createConnection(options: ClientOptions): Connection {
  const { attempts = 5 } = options;
  return async (call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await sendOnce(options, call);
      } catch (error) {
        if (attempt >= attempts || !(error instanceof StowageError) || !mayRepeat(error, call)) throw error;
        await pause(error.retryAfterMs ?? 2 ** attempt * 100 * (0.5 + Math.random()), call.signal);
      }
    }
  };
}

function mayRepeat(error: StowageError, { repeatable }: Call): boolean {
  return repeatable ? error.retryable : error.status === 429 || error.status === 503;
}

async function sendOnce(options: ClientOptions, call: Call): Promise<unknown> {
  const { method = 'GET', form, body = form?.body, signal } = call;
  const { fetch: send = fetch } = options;
  const headers = {
    ...(call.anonymous ? {} : credentials(options)),
    ...(form && { 'content-type': form.contentType }),
    ...call.headers,
  };
  let response: Response;
  let text: string;
  try {
    response = await send(address(options.baseUrl, call), {
      method,
      headers,
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new StowageError('The server cannot be reached.', { status: 0, cause });
  }
  if (!response.ok) throw refusal(response, text);
  return parse(text);
}

function address(baseUrl: string | URL, { path, query = {} }: Call): URL {
  const url = path.startsWith('/') ? new URL(`${new URL(baseUrl).pathname.replace(/\/$/, '')}${path}`, baseUrl) : new URL(path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

function credentials({ token, authCode }: ClientOptions): Record<string, string> {
  return { ...(token && { authorization: `Bearer ${token}` }), ...(authCode && { authCode }) };
}

interface ErrorBody {
  readonly error?: string | { readonly message?: string; readonly code?: string };
  readonly message?: string;
}

function refusal(response: Response, text: string): StowageError {
  const body = (parse(text) ?? {}) as ErrorBody;
  const error = typeof body.error === 'object' ? body.error : { message: body.error ?? body.message };
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new StowageError(error?.message ?? (text.slice(0, 500) || `The server answered ${response.status}.`), {
    status: response.status,
    ...(error && 'code' in error && error.code !== undefined && { code: error.code }),
    ...(Number.isFinite(seconds) && { retryAfterMs: seconds * 1000 }),
  });
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
    if (signal?.aborted) abort();
  });
}
