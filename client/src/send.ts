export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Blob | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with the number of bytes that were sent. */
  readonly onSent: ((bytes: number) => void) | undefined;
}

/**
 * The members of the browser's class that are used. Written here because its type library would add
 * every browser global.
 */
interface BrowserRequest {
  readonly upload: { onprogress: (event: { readonly loaded: number }) => void };
  readonly status: number;
  readonly responseText: string;
  onload: () => void;
  onerror: () => void;
  onabort: () => void;
  onloadend: () => void;
  open(method: string, url: URL): void;
  setRequestHeader(name: string, value: string): void;
  getResponseHeader(name: string): string | null;
  send(body?: string | Blob): void;
  abort(): void;
}
declare const XMLHttpRequest: (new () => BrowserRequest) | undefined;

/**
 * Uses `fetch`. A browser's `fetch` reports no upload progress, so with `onSent` the file is sent
 * by `XMLHttpRequest` there.
 */
export function send(request: Outgoing, ownFetch: typeof fetch | undefined): Promise<Response> {
  const { url, method, headers, body, signal, onSent } = request;
  if (onSent && !ownFetch && typeof XMLHttpRequest === 'function') {
    return sendByBrowser(new XMLHttpRequest(), request);
  }
  const counted = onSent && body instanceof Blob ? counting(body, onSent) : body;
  return (ownFetch ?? fetch)(url, {
    method,
    headers,
    body: counted ?? null,
    signal: signal ?? null,
  });
}

/**
 * The same Blob, with its bytes counted as they are read. Node's `fetch` reads it by `stream()`;
 * other ways of reading count nothing.
 */
function counting(body: Blob, onSent: (bytes: number) => void): Blob {
  const stream = () => {
    const pieces = piecesOf(body);
    let bytes = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        // Asking for the next chunk means that the one before is sent.
        if (bytes > 0) {
          onSent(bytes);
        }
        const { value, done } = await pieces.next();
        if (done) {
          return controller.close();
        }
        bytes += value.length;
        controller.enqueue(value);
      },
      cancel: async () => void (await pieces.return()),
    });
  };
  return Object.defineProperty(body.slice(0, body.size, body.type), 'stream', { value: stream });
}

const pieceBytes = 64 * 1024;

async function* piecesOf(body: Blob): AsyncGenerator<Uint8Array, void, void> {
  const reader = body.stream().getReader();
  try {
    for (
      let { value } = await reader.read();
      value !== undefined;
      { value } = await reader.read()
    ) {
      for (let at = 0; at < value.length; at += pieceBytes) {
        yield value.subarray(at, at + pieceBytes);
      }
    }
  } finally {
    await reader.cancel();
  }
}

function sendByBrowser(
  request: BrowserRequest,
  { url, method, headers, body, signal, onSent }: Outgoing,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const abort = () => request.abort();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      request.setRequestHeader(name, value);
    }
    request.upload.onprogress = ({ loaded }) => onSent?.(loaded);
    request.onload = () => resolve(responseOf(request));
    request.onerror = () => reject(new TypeError('The request failed.'));
    request.onabort = () => reject(signal?.reason);
    request.onloadend = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) {
      reject(signal.reason);
    } else {
      request.send(body);
    }
  });
}

function responseOf(request: BrowserRequest): Response {
  const retryAfter = request.getResponseHeader('retry-after');
  const headers = new Headers(retryAfter === null ? {} : { 'retry-after': retryAfter });
  return new Response(request.responseText || null, { status: request.status, headers });
}
