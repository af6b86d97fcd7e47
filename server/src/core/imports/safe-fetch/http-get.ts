import type { ByteSource } from '../../bytes.ts';

export interface GetRequest {
  readonly url: URL;
  /** Checked addresses, tried in this order. The host of the URL is not looked up again. */
  readonly addresses: readonly string[];
  /** Sent as they are, beside `Host` and `Connection: close`. */
  readonly headers: Readonly<Record<string, string>>;
  /** For the connection, TLS included. */
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface GetResponse {
  readonly status: number;
  /** Every value of a header, in the order they came; the name in lower case. */
  values(name: string): readonly string[];
  /** The body as it was sent, once. Rejects when it ends early. */
  readonly body: ByteSource;
  /** Closes the connection; must be called in the end, may be called twice. */
  close(): void;
}

/**
 * One GET on a connection of its own: connects to `addresses` only, follows no redirect, uses no
 * proxy of the environment and verifies certificates whatever the environment says. Resolves with
 * the response, whatever its status. Rejects with `fetch_timeout` when connecting takes too long,
 * with the signal's reason, or with the error of the network as it is.
 */
export type HttpGet = (request: GetRequest) => Promise<GetResponse>;
