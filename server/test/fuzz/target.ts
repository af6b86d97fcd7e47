import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';

export interface Target {
  readonly url: string;
  readonly adminToken: string;
}

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/**
 * Asks one server, as its owner. Rejects when no whole answer has come within 20 s, or when it is
 * one that no request may cause.
 */
export type Ask = (sent: Sent) => Promise<Got>;

const patienceMs = 20_000;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

export function createAsk({ url, adminToken }: Target): Ask {
  return async (sent) => {
    const { method, path, headers = {}, body } = sent;
    const signal = AbortSignal.timeout(patienceMs);
    const got = await new Promise<Got>((resolve, reject) => {
      const options = {
        method,
        // As it is: a URL would be tidied up.
        path,
        agent,
        signal,
        headers: {
          authorization: `Bearer ${adminToken}`,
          ...headers,
          ...(body && { 'content-length': String(body.length) }),
        },
      };
      const request = httpRequest(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, body: Buffer.concat(chunks) });
        });
      });
      request.once('error', reject).end(body);
    });
    if (got.status >= 500 && got.status !== 501 && got.status !== 503) {
      throw new Error(`${got.status}: ${got.body}`);
    }
    return got;
  };
}

/** What a header may be made of at all: anything else does not leave a client. */
export function headerText(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').trim();
}
