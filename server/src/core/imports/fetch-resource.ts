import { fail } from '../errors.ts';
import type { Fetched, SafeFetch } from './safe-fetch/safe-fetch.ts';

/** Bytes from addresses on the web that are passed on and stored nowhere. */
export interface ResourceFetch {
  /**
   * Fails as `SafeFetch.open` does, and with `rate_limit_exceeded` while too many are being
   * fetched. The place is free again once the answer is closed.
   */
  open(url: string, signal: AbortSignal): Promise<Fetched>;
}

export interface ResourceFetchOptions {
  readonly fetch: SafeFetch;
  readonly maxBytes: number;
  /** Default 32. */
  readonly maxAtOnce?: number;
}

const totalMs = 300_000;

export function createResourceFetch({
  fetch,
  maxBytes,
  maxAtOnce = 32,
}: ResourceFetchOptions): ResourceFetch {
  const open = new Set<symbol>();
  return {
    async open(url, signal) {
      if (open.size >= maxAtOnce) {
        throw fail('rate_limit_exceeded', {
          message: 'Too many addresses are being fetched at the moment.',
          retryAfterMs: 5000,
        });
      }
      const place = Symbol('place');
      open.add(place);
      try {
        const fetched = await fetch.open(url, { maxBytes, totalMs, signal });
        return {
          ...fetched,
          close() {
            open.delete(place);
            fetched.close();
          },
        };
      } catch (error) {
        open.delete(place);
        throw error;
      }
    },
  };
}
