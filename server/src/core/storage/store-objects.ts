import type { ByteSource } from '../bytes.ts';
import type { Channel, PutOptions, PutResult, Ref } from '../channel.ts';
import { fail } from '../errors.ts';
import { raceAbort } from '../guard/race-abort.ts';
import { uploadRetry, withRetry } from '../guard/retry.ts';
import type { Segment } from '../metadata.ts';
import { createHasher, hashOfParts } from '../streams/hash.ts';
import type { Spool } from '../streams/spool.ts';
import { watch } from '../streams/watch.ts';

export interface StoredObjects {
  readonly segments: readonly Segment[];
  readonly size: number;
  /** As `Blob.hash`: of all bytes, or over the segments' hashes when there are several. */
  readonly hash: string;
  /** See `PutResult`. */
  readonly recompressed?: PutResult['recompressed'];
}

export interface StoreOptions extends Omit<PutOptions, 'size'> {
  readonly size?: number | undefined;
  /** Called with every object that was stored in vain and that the backend did not delete. */
  readonly onLeftOver?: (ref: Ref) => void;
}

const parallelSegments = 3;
const undoMs = 30_000;

/**
 * Streams a body once into a channel that takes it whole and does not need a replay (a local disk).
 */
export async function storeStream(
  channel: Channel,
  source: ByteSource,
  options: StoreOptions,
): Promise<StoredObjects> {
  const hasher = createHasher();
  const { size, onLeftOver: _unused, ...rest } = options;
  const counted = { bytes: 0 };
  const put = await channel.put(hashInto(source, hasher, counted), {
    ...rest,
    ...(size !== undefined && { size }),
  });
  return joinSegments([{ ref: put.ref, size: put.size, hash: hasher.digest() }]);
}

/**
 * Stores a replayable body, as one object or cut into segments of `limits.segment.best` bytes, with
 * retries from the spool. Segments go out while later ones are still arriving. When one fails for
 * good, those already stored are deleted.
 */
export async function storeSpool(
  channel: Channel,
  spool: Spool,
  options: StoreOptions,
): Promise<StoredObjects> {
  const { segment, maxBytes } = channel.limits;
  if (segment === undefined) {
    const size = spool.size() ?? options.size;
    if (maxBytes !== undefined && (size ?? 0) > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    return wholeOf(await putSlice({ channel, spool, start: 0, size, options }));
  }
  if ((await spool.arrived(segment.best + 1)) <= segment.best) {
    return wholeOf(await putSlice({ channel, spool, start: 0, size: await spool.ended, options }));
  }
  return joinSegments(await storeSegments(channel, spool, options, segment.best));
}

function wholeOf({ segment, recompressed }: PutSlice): StoredObjects {
  return { ...joinSegments([segment]), recompressed };
}

/** What a list of segments amounts to. */
export function joinSegments(segments: readonly Segment[]): StoredObjects {
  const [only] = segments;
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  const hash =
    segments.length === 1 && only !== undefined
      ? only.hash
      : hashOfParts(segments.map((segment) => segment.hash));
  return { segments, size, hash };
}

/**
 * Every ref that `storeSpool` with this key may leave behind, where the channel can tell in
 * advance.
 */
export function locateObjects(
  channel: Channel,
  key: string,
  sizeBytes: number | undefined,
): readonly Ref[] {
  if (channel.locate === undefined) {
    return [];
  }
  const best = channel.limits.segment?.best;
  if (best === undefined || (sizeBytes !== undefined && sizeBytes <= best)) {
    return [channel.locate(key)];
  }
  const count = sizeBytes === undefined ? 1 : Math.ceil(sizeBytes / best);
  return [
    channel.locate(key),
    ...Array.from(
      { length: count },
      (_, index) => channel.locate?.(segmentKey(key, index)) ?? null,
    ),
  ];
}

async function storeSegments(
  channel: Channel,
  spool: Spool,
  options: StoreOptions,
  sizeBytes: number,
): Promise<readonly Segment[]> {
  const stored: Segment[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let index = 0;

  const work = async (): Promise<void> => {
    for (;;) {
      const at = index++;
      const start = at * sizeBytes;
      // A slow client must not delay the report that a segment has failed.
      const size = Math.min(
        sizeBytes,
        (await raceAbort(spool.arrived(start + sizeBytes), signal)) - start,
      );
      if (size <= 0) {
        return;
      }
      signal.throwIfAborted();
      const { segment } = await putSlice({
        channel,
        spool,
        start,
        size,
        options: segmentOptions(options, at, signal),
      });
      stored[at] = segment;
    }
  };
  const workers = Array.from({ length: parallelSegments }, () =>
    work().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  try {
    await Promise.all(workers);
    return stored;
  } catch (error) {
    await Promise.allSettled(workers);
    await Promise.all(stored.filter(Boolean).map(({ ref }) => undo(channel, ref, options)));
    throw error;
  }
}

async function undo(channel: Channel, ref: Ref, { onLeftOver }: StoreOptions): Promise<void> {
  await channel.delete(ref, { signal: AbortSignal.timeout(undoMs) }).catch(() => onLeftOver?.(ref));
}

function segmentOptions(options: StoreOptions, index: number, signal: AbortSignal): StoreOptions {
  const {
    size: _size,
    sha256: _sha256,
    mayRecompress: _mayRecompress,
    filename,
    ...rest
  } = options;
  const suffix = `.part${String(index).padStart(3, '0')}`;
  return {
    ...rest,
    key: segmentKey(options.key, index),
    signal,
    contentType: 'application/octet-stream',
    filename: `${filename ?? 'file'}${suffix}`,
  };
}

function segmentKey(key: string, index: number): string {
  return `${key}.${index}`;
}

interface Slice {
  readonly channel: Channel;
  readonly spool: Spool;
  readonly start: number;
  readonly size: number | undefined;
  readonly options: StoreOptions;
}

interface PutSlice {
  readonly segment: Segment;
  readonly recompressed: PutResult['recompressed'];
}

async function putSlice({ channel, spool, start, size, options }: Slice): Promise<PutSlice> {
  const { size: _size, onLeftOver: _unused, ...rest } = options;
  return withRetry(
    async () => {
      const hasher = createHasher();
      const counted = { bytes: 0 };
      const source = hashInto(spool.follow(start, size), hasher, counted);
      const put = await channel.put(source, { ...rest, ...(size !== undefined && { size }) });
      const hash = hasher.digest();
      const { ref, recompressed } = put;
      if (recompressed === undefined && put.size !== counted.bytes) {
        await undo(channel, ref, options);
        throw fail('channel_unavailable', {
          message: `The storage backend kept ${put.size} of ${counted.bytes} bytes.`,
        });
      }
      // The hash of what came in is not that of what is stored.
      const segment = {
        ref,
        size: put.size,
        hash: recompressed === undefined ? hash : `${hash}-recompressed`,
      };
      return { segment, recompressed };
    },
    options.signal,
    uploadRetry,
  );
}

function hashInto(
  source: ByteSource,
  hasher: ReturnType<typeof createHasher>,
  counted: { bytes: number },
): ByteSource {
  return watch(source, {
    onChunk(chunk) {
      hasher.update(chunk);
      counted.bytes += chunk.length;
    },
  });
}
