/** What the headers of a picture or video state. Pixels as shown, after rotation. */
export interface MediaFacts {
  readonly width: number | null;
  readonly height: number | null;
  readonly durationSeconds: number | null;
}

export const noFacts: MediaFacts = { width: null, height: null, durationSeconds: null };

/** Stored bytes, read piece by piece. */
export interface RandomAccess {
  readonly size: number;
  /** `end` is excluded; clamped to the size. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export interface Prober {
  /**
   * Reads headers (and the tail) only. Throws `invalid_media` when the content is corrupt or
   * truncated, `unprocessable` when it is over the caps on pixels or frames. Types it does not know
   * have no facts.
   */
  inspect(content: RandomAccess, contentType: string): Promise<MediaFacts>;
  /** A quick look at the first bytes; never throws. */
  fromHead(head: Uint8Array, contentType: string): MediaFacts;
}
