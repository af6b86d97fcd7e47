import type { ByteRange, ByteSource } from '../bytes.ts';
import type { Channel, GetResult } from '../channel.ts';
import { fail, isStowageError } from '../errors.ts';
import { isTransient } from '../guard/retry.ts';
import type { Replica, Segment, StoredFile } from '../metadata.ts';
import { noteBytesPassed } from '../streams/gc-pressure.ts';
import type { ChannelPool } from './channel-pool.ts';

export interface ReadOptions {
  readonly range?: ByteRange | undefined;
  readonly signal: AbortSignal;
}

/**
 * Opens the bytes of a file, or a range of them (inside the file), from the first replica that
 * answers; those that were missing when they were looked at last come last, damaged ones never.
 * Rejects with the last replica's error before the first byte. A stream that breaks off midway
 * resumes where it stopped, from the same replica if that passes, otherwise from the next.
 */
export async function openContent(
  pool: ChannelPool,
  { replicas }: Pick<StoredFile, 'blob' | 'replicas'>,
  options: ReadOptions,
): Promise<GetResult> {
  assertReadable(replicas);
  const left = inOrder(replicas);
  const first = await openNext(pool, left, options);
  return left.length === 0
    ? first
    : { size: first.size, stream: continued({ pool, left, first, options }) };
}

/**
 * The plain file that holds all bytes of the only copy, after a look that it is there. Undefined
 * when there is none, and when only an attempt to read can tell what is wrong.
 */
export async function plainFileOf(
  pool: ChannelPool,
  { replicas, blob }: Pick<StoredFile, 'blob' | 'replicas'>,
): Promise<string | undefined> {
  const [replica, ...otherReplicas] = replicas;
  const [segment, ...otherSegments] = replica?.segments ?? [];
  if (replica?.state !== 'ok' || segment === undefined) {
    return undefined;
  }
  if (otherReplicas.length > 0 || otherSegments.length > 0) {
    return undefined;
  }
  try {
    const { channel } = pool.byId(replica.channelId);
    const path = channel.file?.(segment.ref);
    const size = path === undefined ? undefined : await channel.size?.(segment.ref);
    return size === blob.size ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Throws `content_damaged` when there are copies, but none that may be read. */
export function assertReadable(replicas: readonly Replica[]): void {
  if (replicas.length > 0 && replicas.every(({ state }) => state === 'damaged')) {
    throw fail('content_damaged');
  }
}

function inOrder(replicas: readonly Replica[]): Replica[] {
  const inState = (state: Replica['state']) =>
    replicas.filter((replica) => replica.state === state);
  return [...inState('ok'), ...inState('missing')];
}

/** Takes replicas off `left` until one opens. */
async function openNext(
  pool: ChannelPool,
  left: Replica[],
  options: ReadOptions,
): Promise<GetResult> {
  let lastError: unknown = fail('channel_unavailable', {
    message: 'No storage channel holds this file.',
  });
  for (let replica = left.shift(); replica !== undefined; replica = left.shift()) {
    try {
      return await openReplica(pool.byId(replica.channelId).channel, replica, options);
    } catch (error) {
      if (options.signal.aborted) {
        throw error;
      }
      lastError = error;
    }
  }
  // The library promises the file, so its loss on the channel is the server's trouble, not a wrong
  // address.
  throw isStowageError(lastError, 'not_found')
    ? fail('channel_unavailable', {
        message: 'The storage channel has lost this file.',
        cause: lastError,
      })
    : lastError;
}

interface Continued {
  readonly pool: ChannelPool;
  readonly left: Replica[];
  readonly first: GetResult;
  readonly options: ReadOptions;
}

async function* continued({
  pool,
  left,
  first,
  options: { range, signal },
}: Continued): AsyncGenerator<Uint8Array> {
  const start = range?.start ?? 0;
  let { stream } = first;
  let sent = 0;
  for (;;) {
    try {
      for await (const chunk of stream) {
        sent += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (signal.aborted || left.length === 0 || sent >= first.size) {
        throw error;
      }
      const rest = { start: start + sent, end: start + first.size - 1 };
      stream = (await openNext(pool, left, { signal, range: rest })).stream;
    }
  }
}

interface Piece {
  readonly segment: Segment;
  readonly range: ByteRange | undefined;
  readonly size: number;
}

/** Opens the objects of one replica as one stream. */
export async function openReplica(
  channel: Channel,
  replica: Pick<Replica, 'segments'>,
  { range, signal }: ReadOptions,
): Promise<GetResult> {
  const pieces = cutPieces(replica.segments, range);
  const size = pieces.reduce((sum, piece) => sum + piece.size, 0);
  const [first, ...rest] = pieces;
  if (first === undefined) {
    return { stream: empty(), size: 0 };
  }
  await assertThere(channel, rest);
  const opened = await openPiece(channel, first, signal);
  if (rest.length === 0 && !channel.remote) {
    return opened;
  }
  return { stream: joinPieces({ channel, first: opened, pieces, signal }), size };
}

const looksAtOnce = 32;

/**
 * Before the first byte goes out, where the store can tell at once: afterwards a lost segment could
 * only end in a cut connection.
 */
async function assertThere(channel: Channel, pieces: readonly Piece[]): Promise<void> {
  if (channel.size === undefined) {
    return;
  }
  for (let at = 0; at < pieces.length; at += looksAtOnce) {
    await Promise.all(
      pieces.slice(at, at + looksAtOnce).map(({ segment }) => assertSize(channel, segment)),
    );
  }
}

async function assertSize(channel: Channel, { ref, size }: Segment): Promise<void> {
  const found = await channel.size?.(ref);
  if (found !== size) {
    throw fail('channel_unavailable', {
      message: `The storage backend holds ${found} bytes instead of ${size}.`,
    });
  }
}

function cutPieces(segments: readonly Segment[], range: ByteRange | undefined): readonly Piece[] {
  const pieces: Piece[] = [];
  let offset = 0;
  for (const segment of segments) {
    const from = Math.max(0, (range?.start ?? 0) - offset);
    const to = Math.min(segment.size - 1, (range?.end ?? Number.MAX_SAFE_INTEGER) - offset);
    offset += segment.size;
    if (from > to) {
      continue;
    }
    const whole = from === 0 && to === segment.size - 1;
    pieces.push({
      segment,
      range: whole ? undefined : { start: from, end: to },
      size: to - from + 1,
    });
  }
  return pieces;
}

async function openPiece(
  channel: Channel,
  { segment, range, size }: Piece,
  signal: AbortSignal,
): Promise<GetResult> {
  const opened = await channel.get(segment.ref, { signal, range });
  if (opened.size === size) {
    return opened;
  }
  void opened.stream[Symbol.asyncIterator]()
    .return?.()
    ?.catch(() => undefined);
  throw fail('channel_unavailable', {
    message: `The storage backend offers ${opened.size} bytes instead of ${size}.`,
  });
}

interface Join {
  readonly channel: Channel;
  readonly first: GetResult;
  readonly pieces: readonly Piece[];
  readonly signal: AbortSignal;
}

async function* joinPieces({ channel, first, pieces, signal }: Join): AsyncGenerator<Uint8Array> {
  let upcoming: Promise<GetResult> | undefined;
  try {
    let current: GetResult | undefined = first;
    for (const [at, piece] of pieces.entries()) {
      const opened: GetResult =
        current ?? (await upcoming) ?? (await openPiece(channel, piece, signal));
      current = undefined;
      upcoming = undefined;
      const following = pieces[at + 1];
      for await (const chunk of resuming(channel, piece, opened, signal)) {
        yield chunk;
        // Only once the reader has taken something: a player that reads a head and seeks away costs
        // one segment.
        if (following !== undefined && upcoming === undefined) {
          upcoming = openPiece(channel, following, signal);
          upcoming.catch(() => undefined);
        }
      }
    }
  } finally {
    upcoming
      ?.then((unused) => unused.stream[Symbol.asyncIterator]().return?.())
      .catch(() => undefined);
  }
}

const maxResumes = 3;

async function* resuming(
  channel: Channel,
  piece: Piece,
  opened: GetResult,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  let stream: ByteSource = opened.stream;
  for (let resumes = 0; ; resumes++) {
    try {
      for await (const chunk of stream) {
        sent += chunk.length;
        noteBytesPassed(chunk.length);
        if (sent > piece.size) {
          throw fail('channel_refused', {
            message: 'The storage backend sent more bytes than it holds.',
          });
        }
        yield chunk;
      }
      if (sent >= piece.size) {
        return;
      }
      throw fail('channel_unavailable', {
        message: 'The storage backend sent fewer bytes than it holds.',
      });
    } catch (error) {
      if (resumes >= maxResumes || !isTransient(error) || signal.aborted) {
        throw error;
      }
      const start = (piece.range?.start ?? 0) + sent;
      const end = (piece.range?.start ?? 0) + piece.size - 1;
      if (start > end) {
        return;
      }
      stream = (await channel.get(piece.segment.ref, { signal, range: { start, end } })).stream;
    }
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {}
