/** Signed addresses of attachments until they expire. */
export interface UrlCache {
  get(attachmentId: string): string | undefined;
  /**
   * `remoteNowMs` is Discord's clock: an expiry in its time means nothing on a clock that is a day
   * off.
   */
  set(attachmentId: string, url: string, remoteNowMs: number | undefined): void;
  delete(attachmentId: string): void;
}

const maxUrls = 10_000;
/** A read that begins on an address should not see it expire on the way. */
const marginMs = 60_000;

export interface UrlClocks {
  /** Milliseconds on a clock that no one sets. */
  readonly now?: () => number;
  readonly wallNow?: () => number;
}

export function createUrlCache({
  now = () => performance.now(),
  wallNow = Date.now,
}: UrlClocks = {}): UrlCache {
  const urls = new Map<string, { readonly url: string; readonly expiresAt: number }>();
  return {
    get: (id) => {
      const known = urls.get(id);
      return known !== undefined && known.expiresAt > now() ? known.url : undefined;
    },
    set: (id, url, remoteNowMs) => {
      const oldest = urls.size >= maxUrls ? urls.keys().next().value : undefined;
      if (oldest !== undefined) {
        urls.delete(oldest);
      }
      urls.delete(id);
      urls.set(id, {
        url,
        expiresAt: now() + lifetimeMs(url, remoteNowMs ?? wallNow()) - marginMs,
      });
    },
    delete: (id) => urls.delete(id),
  };
}

/** `ex` is the expiry in hex seconds; an address without one is not signed and does not expire. */
function lifetimeMs(url: string, nowMs: number): number {
  const expiry = new URL(url).searchParams.get('ex');
  if (expiry === null || !/^[0-9a-f]{1,12}$/i.test(expiry)) {
    return 3_600_000;
  }
  return Number.parseInt(expiry, 16) * 1000 - nowMs;
}
