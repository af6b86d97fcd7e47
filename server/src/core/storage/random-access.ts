import type { Channel } from '../channel.ts';
import type { Segment } from '../metadata.ts';
import type { RandomAccess } from '../prober.ts';
import { readAll } from '../streams/peek.ts';
import { openReplica } from './read-content.ts';

/** What sniffing and most probes look at is read once. */
const startBytes = 32 * 1024;

export interface StoredBytes {
  readonly channel: Channel;
  readonly segments: readonly Segment[];
  readonly signal: AbortSignal;
  /** The first bytes, where they are known. */
  readonly start?: Uint8Array | undefined;
}

export function randomAccess({
  channel,
  segments,
  signal,
  start: known,
}: StoredBytes): RandomAccess {
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  const fetch = async (start: number, end: number): Promise<Uint8Array> =>
    readAll(
      (await openReplica(channel, { segments }, { range: { start, end: end - 1 }, signal })).stream,
    );
  let atStart = known;
  return {
    size,
    async read(start, end) {
      const stop = Math.min(end, size);
      if (start >= stop) {
        return new Uint8Array(0);
      }
      if (stop > (atStart?.length ?? startBytes)) {
        return fetch(start, stop);
      }
      atStart ??= await fetch(0, Math.min(startBytes, size));
      return atStart.subarray(start, stop);
    },
  };
}
