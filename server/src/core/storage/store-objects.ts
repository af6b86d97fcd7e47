import type { ReplayableBody } from '../bytes.ts';
import type { Channel, PutOptions, PutResult, Ref } from '../channel.ts';
import { fail } from '../errors.ts';
import { raceAbort } from '../guard/race-abort.ts';
import type { Segment } from '../metadata.ts';
import { type HashedBody, hashedBody } from '../streams/body.ts';
import { hashOfParts, sha256Of } from '../streams/hash.ts';
import type { Spool } from '../streams/spool.ts';

export interface StoredObjects {
  readonly segments: readonly Segment[];
  readonly size: number;
  /** As `Blob.hash`: of all bytes, or over the segments' hashes when there are several. */
  readonly hash: string;
  /** See `PutResult`. */
  readonly recompressed?: PutResult['recompressed'];
}

/** A body whose digest may be known without another look at its bytes. */
export interface StorableBody extends ReplayableBody {
  readonly digest?: HashedBody['digest'] | undefined;
}

export type StoreOptions = PutOptions & Pick<StorableBody, 'size' | 'sha256' | 'digest'>;

const parallelSegments = 3;
const undoMs = 30_000;

/** Stores a body in a channel that takes it whole, such as a local disk. */
export async function storeWhole(
  channel: Channel,
  body: StorableBody,
  options: PutOptions,
): Promise<StoredObjects> {
  const hashed = hasDigest(body) ? body : hashedBody(body);
  const { ref, size, recompressed } = await channel.put(hashed, options);
  const { hash } = await hashed.digest().catch(async (error: unknown) => {
    await undo(channel, ref, options);
    throw error;
  });
  // The hash of what came in is not that of what is stored.
  const kept = recompressed === undefined ? hash : `${hash}-recompressed`;
  return { ...joinSegments([{ ref, size, hash: kept }]), recompressed };
}

function hasDigest(body: StorableBody): body is HashedBody {
  return body.digest !== undefined;
}

/**
 * Stores a spooled body, as one object or cut into segments of `limits.segment.best` bytes, which go
 * out while later ones are still arriving. When one fails for good, those already stored are
 * deleted.
 */
export async function storeSpool(
  channel: Channel,
  spool: Spool,
  options: StoreOptions,
): Promise<StoredObjects> {
  const { segment, maxBytes, needsSha256 } = channel.limits;
  const { size: announced, sha256, digest, ...put } = options;
  if (segment === undefined) {
    const size = needsSha256 ? await spool.ended : (spool.size ?? announced);
    if (maxBytes !== undefined && (size ?? 0) > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
    const hex = sha256 ?? (needsSha256 ? await sha256Of(spool.open()) : undefined);
    return storeWhole(channel, { open: spool.open, size, sha256: hex, digest }, put);
  }
  if ((await spool.arrived(segment.best + 1)) <= segment.best) {
    const size = await spool.ended;
    return storeWhole(channel, { open: spool.open, size, sha256, digest }, put);
  }
  return joinSegments(await storeSegments(channel, spool, put, segment.best));
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
  options: PutOptions,
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
      const { segments } = await storeWhole(
        channel,
        spool.slice(start, size),
        segmentOptions(options, at, signal),
      );
      [stored[at]] = segments as [Segment];
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

async function undo(channel: Channel, ref: Ref, { onLeftOver }: PutOptions): Promise<void> {
  await channel.delete(ref, { signal: AbortSignal.timeout(undoMs) }).catch(() => onLeftOver?.(ref));
}

function segmentOptions(options: PutOptions, index: number, signal: AbortSignal): PutOptions {
  return {
    ...options,
    key: segmentKey(options.key, index),
    signal,
    contentType: 'application/octet-stream',
    filename: `${options.filename ?? 'file'}.part${String(index).padStart(3, '0')}`,
    mayRecompress: false,
  };
}

function segmentKey(key: string, index: number): string {
  return `${key}.${index}`;
}
