import type { Channel } from './channel.ts';
import type { Segment } from './metadata.ts';
import { readAll } from './peek.ts';
import { openReplica } from './read-content.ts';

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
   * Reads headers (and the tail) only. Throws `invalid_media` when the content is corrupt or truncated, `unprocessable` when it is over the caps on
   * pixels or frames. Types it does not know have no facts.
   */
  inspect(content: RandomAccess, contentType: string): Promise<MediaFacts>;
  /** A quick look at the first bytes; never throws. */
  fromHead(head: Uint8Array, contentType: string): MediaFacts;
}

/** What sniffing and most probes look at is read once. */
const startBytes = 32 * 1024;

export interface StoredBytes {
  readonly channel: Channel;
  readonly segments: readonly Segment[];
  readonly signal: AbortSignal;
  /** The first bytes, where they are known. */
  readonly start?: Uint8Array | undefined;
}

export function randomAccess({ channel, segments, signal, start: known }: StoredBytes): RandomAccess {
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  const fetch = async (start: number, end: number): Promise<Uint8Array> =>
    readAll((await openReplica(channel, { segments }, { range: { start, end: end - 1 }, signal })).stream);
  let atStart = known;
  return {
    size,
    async read(start, end) {
      const stop = Math.min(end, size);
      if (start >= stop) return new Uint8Array(0);
      if (stop > (atStart?.length ?? startBytes)) return fetch(start, stop);
      atStart ??= await fetch(0, Math.min(startBytes, size));
      return atStart.subarray(start, stop);
    },
  };
}
