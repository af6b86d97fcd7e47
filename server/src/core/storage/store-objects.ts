import type { ReplayableBody } from '../bytes.ts';
import type { Channel, PutOptions, PutResult, Ref } from '../channel.ts';
import { fail } from '../errors.ts';
import type { Segment } from '../metadata.ts';
import { type HashedBody, hashedBody } from '../streams/body.ts';
import { type DigestService, sha256Of } from '../streams/digests.ts';
import { hashOfParts } from '../streams/hash.ts';
import type { Spool } from '../streams/spool.ts';
import { storePieces } from './spool-pieces.ts';
import { type NoteUpload, needsParts, storeParts, TooManyParts } from './store-parts.ts';

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

export type StoreOptions = PutOptions &
  Pick<StorableBody, 'size' | 'sha256' | 'digest'> & {
    readonly noteUpload: NoteUpload;
    /** For channels that need the SHA-256, when it is not known. */
    readonly digests: Pick<DigestService, 'tap'>;
  };

const parallelSegments = 3;
const undoMs = 30_000;

/** Stores a body in a channel that takes it whole, such as a local disk. */
export async function storeWhole(
  channel: Channel,
  body: StorableBody,
  options: PutOptions,
): Promise<StoredObjects> {
  const hashed = hasDigest(body) ? body : hashedBody(body);
  const put = await channel.put(hashed, options);
  return describe(put, hashed, (ref) => undo(channel, ref, options));
}

function hasDigest(body: StorableBody): body is HashedBody {
  return body.digest !== undefined;
}

/** What was stored, with its hash. Without that, it must go again. */
async function describe(
  { ref, size, recompressed }: PutResult,
  { digest }: Pick<HashedBody, 'digest'>,
  remove: (ref: Ref) => Promise<void>,
): Promise<StoredObjects> {
  const { hash } = await digest().catch(async (error: unknown) => {
    await remove(ref);
    throw error;
  });
  // The hash of what came in is not that of what is stored.
  const kept = recompressed === undefined ? hash : `${hash}-recompressed`;
  return { ...joinSegments([{ ref, size, hash: kept }]), recompressed };
}

/**
 * Stores a spooled body, as the channel wants it: as one object, through a multipart upload of the
 * store when it is large, or cut into segments of `limits.segment.best` bytes. Parts and segments
 * go out while later ones are still arriving. When one fails for good, those already stored are
 * deleted.
 */
export async function storeSpool(
  channel: Channel,
  spool: Spool,
  options: StoreOptions,
): Promise<StoredObjects> {
  const { segment } = channel.limits;
  if (segment === undefined) {
    return storeObject(channel, spool, options);
  }
  const put = putOptionsOf(options);
  const { sha256, digest } = options;
  if ((await spool.arrived(segment.best + 1)) <= segment.best) {
    const size = await spool.ended;
    return storeWhole(channel, { open: spool.open, size, sha256, digest }, put);
  }
  return joinSegments(await storeSegments(channel, spool, put, segment.best));
}

async function storeObject(
  channel: Channel,
  spool: Spool,
  options: StoreOptions,
): Promise<StoredObjects> {
  const { maxBytes, needsSha256 } = channel.limits;
  const { size: announced, sha256, digest, digests, noteUpload } = options;
  const put = putOptionsOf(options);
  const known = needsSha256 ? await spool.ended : (spool.size ?? announced);
  if (maxBytes !== undefined && (known ?? 0) > maxBytes) {
    throw fail('too_large', { details: { maxBytes } });
  }
  const { multipart } = channel;
  if (multipart?.limits.split === undefined) {
    const hex = sha256 ?? (needsSha256 ? await sha256Of(spool.open(), digests) : undefined);
    return storeWhole(channel, { open: spool.open, size: known, sha256: hex, digest }, put);
  }
  if (!(await needsParts(multipart.limits.split, spool, known))) {
    const size = known ?? (await spool.ended);
    return storeWhole(channel, { open: spool.open, size, sha256, digest }, put);
  }
  try {
    const stored = await storeParts(multipart, spool, { ...put, size: known, noteUpload });
    const hashed = { digest: digest ?? hashedBody(spool).digest };
    return await describe(stored, hashed, (ref) => undo(channel, ref, put));
  } catch (error) {
    if (!(error instanceof TooManyParts)) {
      throw error;
    }
    // Anew, in larger parts: all have one size, as some stores want.
    await spool.ended;
    return storeObject(channel, spool, options);
  }
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

/** Only what a driver is to see. */
function putOptionsOf(options: PutOptions): PutOptions {
  const { key, contentType, filename, mayRecompress, onLeftOver, signal } = options;
  return { key, contentType, filename, mayRecompress, onLeftOver, signal };
}

async function storeSegments(
  channel: Channel,
  spool: Spool,
  options: PutOptions,
  sizeBytes: number,
): Promise<readonly Segment[]> {
  const stored: Segment[] = [];
  const cut = { sizeBytes, parallel: parallelSegments, signal: options.signal };
  try {
    await storePieces(spool, cut, async (piece, index, signal) => {
      const { segments } = await storeWhole(channel, piece, segmentOptions(options, index, signal));
      [stored[index]] = segments as [Segment];
    });
    return stored;
  } catch (error) {
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
