import type { ByteSource } from '../bytes.ts';
import type { Ref } from '../channel.ts';
import { type Clock, dayMs, minuteMs } from '../clock.ts';
import { createUtf8Check, withCharset } from '../content-type/charset.ts';
import { extensionFor } from '../content-type/media-types.ts';
import { type Sniffed, sniff } from '../content-type/sniff.ts';
import { type ErrorDetails, fail, isStowageError, StowageError } from '../errors.ts';
import { isTransient } from '../guard/retry.ts';
import type { MetadataStore, NewJob, Segment } from '../metadata.ts';
import { type Abortable, abortable } from '../streams/abortable.ts';
import type { DigestAlgorithm, DigestService, Digests } from '../streams/digests.ts';
import { type Peeked, peek } from '../streams/peek.ts';
import { createSpool, type Spool } from '../streams/spool.ts';
import { watch } from '../streams/watch.ts';
import { uuidv7 } from '../uuid.ts';
import type { Candidate, ConfiguredChannel } from './channel-pool.ts';
import { collectLeftOver, deleteObjectJob, reclaimObjectJob } from './cleanup-jobs.ts';
import { storageIdOf, storageKey } from './storage-key.ts';
import {
  locateObjects,
  type StoredObjects,
  type StoreOptions,
  storeSpool,
  storeStream,
} from './store-objects.ts';

export interface IntakeRequest {
  readonly source: ByteSource;
  readonly filename: string;
  readonly declaredType: string;
  /** Exact bytes in `source`, when known. */
  readonly size?: number | undefined;
  /** Tried in order; the first that stores the bytes wins. */
  readonly candidates: readonly Candidate[];
  /** Hex digests the bytes must have; checked before the result is handed out. */
  readonly expected?: Digests | undefined;
  /** Whether the first try may let the store keep a recompressed picture. Default false. */
  readonly mayRecompress?: boolean;
  /** Whether the first channel, if remote, gets a second try, without that. Default false. */
  readonly retryFirst?: boolean;
  /** Looks at what is coming before anything is stored; throws to refuse it. */
  readonly accept?: (sniffed: Sniffed, head: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/** Bytes that are stored, but that nothing in the library promises yet. */
export interface IntakeResult extends StoredObjects {
  /** The blob id to be. */
  readonly storageId: string;
  readonly channel: ConfiguredChannel;
  readonly sha256: string | null;
  readonly sniffed: Sniffed;
  /** As sniffed, with the charset of a text. */
  readonly contentType: string;
  /** First bytes of the file, 4 KiB at least where there are that many. */
  readonly head: Uint8Array;
  /** Clean-up written before the bytes went out; void once a row promises them. */
  readonly pendingCleanup: readonly string[];
}

export interface Attempt {
  readonly candidate: Candidate;
  readonly error: StowageError;
}

/** No candidate took the file. Code and retryability are those of the first. */
export class ChannelsFailed extends StowageError {
  readonly attempts: readonly Attempt[];

  constructor(attempts: readonly Attempt[]) {
    const first = attempts[0]?.error;
    super(first?.code ?? 'service_unavailable', first && passedOn(first));
    this.attempts = attempts;
  }
}

function passedOn(error: StowageError): ErrorDetails {
  const { message, retryAfterMs } = error;
  return { message, cause: error, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The library could not note what goes out: no channel is to blame, and none is tried. */
class NotNoted extends Error {}

export interface Intake {
  /**
   * Streams the body to the first candidate that takes it. After any failure, everything that was
   * stored is removed, at once or by a clean-up job.
   */
  store(request: IntakeRequest): Promise<IntakeResult>;
  /** Call once a row promises the bytes. */
  settle(result: Pick<IntakeResult, 'channel' | 'segments'>): Promise<void>;
  /**
   * Removes bytes whose row failed with `error`. When it is unknown whether the row was written
   * (the database went away), they stay: then what was noted before they were sent decides at the
   * next look.
   */
  discard(
    result: Pick<IntakeResult, 'channel' | 'segments' | 'pendingCleanup'>,
    error: unknown,
  ): Promise<void>;
}

export interface IntakeOptions {
  readonly metadata: Pick<MetadataStore, 'jobs'>;
  readonly digests: DigestService;
  /** Folder for temporary copies; exists. */
  readonly spoolFolder: string;
  readonly now: Clock;
}

/** Enough for the size of nearly every picture: an EXIF thumbnail may stand before it. */
const headBytes = 64 * 1024;
/**
 * Later than the slowest upload could end: an object is an orphan only when its upload is long
 * over.
 */
const orphanAfterMs = 7 * dayMs;

export function createIntake({ metadata, digests, spoolFolder, now }: IntakeOptions): Intake {
  const removeNow = (
    channelId: string,
    objects: readonly Pick<Segment, 'ref'>[],
  ): readonly NewJob[] => objects.map((object) => deleteObjectJob(channelId, object, now()));

  const note = (jobs: readonly NewJob[]): Promise<void> =>
    metadata.jobs
      .add(jobs)
      .catch((cause: unknown) =>
        Promise.reject(new NotNoted('The library cannot be written.', { cause })),
      );

  const prepareCleanup = async (
    { id, channel }: ConfiguredChannel,
    { key, size }: StoreOptions,
  ): Promise<readonly Note[]> => {
    if (!channel.remote) {
      return [];
    }
    const storageId = storageIdOf(key);
    const notes = locateObjects(channel, key, size).map((ref) => ({
      ref,
      job: reclaimObjectJob({ channelId: id, ref, storageId }, now() + orphanAfterMs),
    }));
    if (notes.length > 0) {
      await note(notes.map(({ job }) => job));
    }
    return notes;
  };

  const tryChannel = async (
    body: Body,
    channel: ConfiguredChannel,
    options: StoreOptions,
  ): Promise<StoredAt> => {
    const cleanup = await prepareCleanup(channel, options);
    const ids = cleanup.map(({ job }) => job.id);
    const leftOver = collectLeftOver(channel.id);
    try {
      const stored = await body.storeInto(channel, { ...options, onLeftOver: leftOver.onLeftOver });
      const inVain = leftOver.jobs(stored.segments, now());
      if (inVain.length > 0) {
        await note(inVain);
      }
      return { stored, channel, pendingCleanup: ids };
    } catch (error) {
      // Without the database the note of before stands, for later.
      await metadata.jobs
        .add([...removeNow(channel.id, cleanup), ...leftOver.jobs([], now())])
        .then(
          () => metadata.jobs.done(ids),
          () => undefined,
        );
      throw error;
    }
  };

  return {
    async store(request) {
      const wanted = Object.keys(request.expected ?? {}) as DigestAlgorithm[];
      const needsSha256 = request.candidates.some(
        ({ channel }) => channel?.channel.limits.needsSha256,
      );
      if (needsSha256 && !wanted.includes('sha256')) {
        wanted.push('sha256');
      }
      const incoming = abortable(request.source, request.signal);
      const tapped = wanted.length > 0 ? digests.tap(incoming, wanted) : undefined;
      const peeked = await peek(tapped?.source ?? incoming, headBytes);

      const storageId = uuidv7(now());
      const body = createBody({ incoming, peeked, spoolFolder, digests: tapped?.digests });
      try {
        const sniffed = await sniff(peeked.head, {
          filename: request.filename,
          declared: request.declaredType,
        });
        request.accept?.(sniffed, peeked.head);
        const extension = extensionFor(request.filename, sniffed.contentType);
        const keyOf = (attempt: number): string => storageKey(storageId, extension, now(), attempt);
        const options: Omit<StoreOptions, 'key'> = {
          contentType: sniffed.contentType,
          filename: request.filename,
          size: peeked.size ?? request.size,
          signal: request.signal,
        };
        const stored = await firstThatStores({ request, body, options, keyOf, tryChannel });
        const hashes = await tapped?.digests;
        const contentType = withCharset(sniffed.contentType, request.declaredType, body.isUtf8());
        const result = {
          ...stored.stored,
          ...stored,
          storageId,
          sniffed,
          contentType,
          head: peeked.head,
          sha256: sha256Of(stored.stored, hashes),
        };
        const wrong = mismatch(request.expected, hashes);
        if (wrong !== undefined) {
          await metadata.jobs.add(removeNow(result.channel.id, result.segments));
          throw wrong;
        }
        return result;
      } finally {
        await body.dispose();
      }
    },

    async settle({ channel, segments }) {
      if (channel.channel.settle === undefined) {
        return;
      }
      // A mark that stays behind costs one look at the next start; the file is safe already.
      await Promise.all(
        segments.map((segment) => channel.channel.settle?.(segment.ref).catch(() => undefined)),
      );
    },

    async discard({ channel, segments, pendingCleanup }, error) {
      if (isStowageError(error, 'service_unavailable')) {
        return;
      }
      try {
        await metadata.jobs.add(removeNow(channel.id, segments));
        await metadata.jobs.done(pendingCleanup);
      } catch {
        // A database without room takes no job either: what was noted before stays, and the bytes
        // go at once if they can.
        const call = { signal: AbortSignal.timeout(minuteMs / 2) };
        await Promise.allSettled(segments.map(({ ref }) => channel.channel.delete(ref, call)));
      }
    },
  };
}

/** What is written down before bytes go out. */
interface Note {
  readonly ref: Ref;
  readonly job: NewJob;
}

interface StoredAt {
  readonly stored: StoredObjects;
  readonly channel: ConfiguredChannel;
  readonly pendingCleanup: readonly string[];
}

interface Body {
  storeInto(channel: ConfiguredChannel, options: StoreOptions): Promise<StoredObjects>;
  /** The source's own failure, if it has failed: no channel is to blame, none is tried again. */
  failure(): unknown;
  /** Of all bytes, once they are stored. */
  isUtf8(): boolean;
  /** Whether another channel could still get all bytes. */
  replayable(): boolean;
  dispose(): Promise<void>;
}

interface BodyParts {
  readonly incoming: Abortable;
  readonly peeked: Peeked;
  readonly spoolFolder: string;
  readonly digests: Promise<Digests> | undefined;
}

/**
 * A body is spooled only when a network is in the way; a local disk reads it straight, and once it
 * has begun no other channel can.
 */
function createBody({ incoming, peeked, spoolFolder, digests }: BodyParts): Body {
  const state: { failure?: unknown; spool?: Spool } = {};
  let utf8 = createUtf8Check();
  const source = watch(peeked.source, {
    onStart: () => (utf8 = createUtf8Check()),
    onChunk: (chunk) => utf8.push(chunk),
    onError: (error) => (state.failure = error),
  });
  const spool = (): Spool => (state.spool ??= createSpool(source, spoolFolder));

  return {
    async storeInto({ channel }, options) {
      if (!channel.remote) {
        return storeStream(channel, state.spool?.follow() ?? source, options);
      }
      const spooled = spool();
      if (!channel.limits.needsSha256) {
        return storeSpool(channel, spooled, options);
      }
      await spooled.ended;
      const sha256 = (await digests)?.sha256;
      return storeSpool(channel, spooled, { ...options, ...(sha256 !== undefined && { sha256 }) });
    },
    failure: () => state.failure,
    isUtf8: () => utf8.isUtf8(),
    replayable: () => state.spool !== undefined || !peeked.consumed(),
    async dispose() {
      // A caller who has gone silent holds nothing up.
      incoming.stop(() => fail('client_closed', { message: 'The upload was cancelled.' }));
      peeked.leave();
      await state.spool?.dispose();
    },
  };
}

interface Tries {
  readonly request: IntakeRequest;
  readonly body: Body;
  readonly options: Omit<StoreOptions, 'key'>;
  /** Every attempt has a name of its own. */
  readonly keyOf: (attempt: number) => string;
  readonly tryChannel: (
    body: Body,
    channel: ConfiguredChannel,
    options: StoreOptions,
  ) => Promise<StoredAt>;
}

async function firstThatStores({
  request,
  body,
  options,
  keyOf,
  tryChannel,
}: Tries): Promise<StoredAt> {
  const attempts: Attempt[] = [];
  for (const [at, candidate] of request.candidates.entries()) {
    const { channel } = candidate;
    if (channel === undefined) {
      attempts.push({
        candidate,
        error: fail('service_unavailable', { message: 'No such channel is configured.' }),
      });
      continue;
    }
    for (const mayRecompress of at === 0 ? modesOf(request, channel) : [false]) {
      try {
        return await tryChannel(body, channel, {
          ...options,
          key: keyOf(attempts.length),
          mayRecompress,
        });
      } catch (error) {
        attempts.push({ candidate, error: faultOfChannel(error, body, request) });
        if (!body.replayable()) {
          throw new ChannelsFailed(attempts);
        }
      }
    }
  }
  throw new ChannelsFailed(attempts);
}

/** Throws what no channel is to blame for: then none is tried again. */
function faultOfChannel(error: unknown, body: Body, { signal }: IntakeRequest): StowageError {
  if (error instanceof NotNoted) {
    throw error.cause;
  }
  if (body.failure() !== undefined || signal.aborted || !isChannelError(error)) {
    throw error;
  }
  return error;
}

/** Upload API 1.8: whether each try on the first channel may recompress. */
function modesOf(
  { mayRecompress = false, retryFirst = false }: IntakeRequest,
  { channel }: ConfiguredChannel,
): readonly boolean[] {
  if (!channel.remote) {
    return [false];
  }
  return retryFirst ? [mayRecompress, false] : [mayRecompress];
}

/** What is stored may be another picture than came in. */
function sha256Of({ recompressed }: StoredObjects, hashes: Digests | undefined): string | null {
  return recompressed === undefined ? (hashes?.sha256 ?? null) : null;
}

function isChannelError(error: unknown): error is StowageError {
  if (isTransient(error)) {
    return true;
  }
  return (
    isStowageError(error) &&
    (error.code.startsWith('channel_') ||
      ['disk_full', 'service_unavailable', 'too_large'].includes(error.code))
  );
}

function mismatch(
  expected: Digests | undefined,
  actual: Digests | undefined,
): StowageError | undefined {
  for (const [algorithm, hex] of Object.entries(expected ?? {})) {
    const received = actual?.[algorithm as DigestAlgorithm];
    if (received !== hex) {
      return fail('checksum_mismatch', { details: { algorithm, expected: hex, received } });
    }
  }
  return undefined;
}
