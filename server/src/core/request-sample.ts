/** A request that has ended, for metrics. */
export interface RequestSample {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How the request would have created a file. */
  readonly upload?: string | undefined;
}
