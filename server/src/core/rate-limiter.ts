/** The state of the window that is closest to its limit. */
export interface RateState {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** When the window starts anew, in ms since the epoch. */
  readonly resetAt: number;
}

export interface RateLimiter {
  /** Counts one request of `key`; undefined when nothing is limited. */
  take(key: string): Promise<RateState | undefined>;
  readonly close?: (() => Promise<void>) | undefined;
}
