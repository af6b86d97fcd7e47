import type { ByteSource } from '../bytes.ts';
import type { Ref } from '../channel.ts';
import { type Clock, minuteMs, orphanAfterMs } from '../clock.ts';
import { withCharset } from '../content-type/charset.ts';
import { extensionFor } from '../content-type/media-types.ts';
import { type Sniffed, sniff } from '../content-type/sniff.ts';
import { fail, isStowageError, StowageError } from '../errors.ts';
import { isTransient } from '../guard/retry.ts';
import type { MetadataStore, NewJob, Segment } from '../metadata.ts';
import { rowOf, rowRef } from '../small-objects.ts';
import type { DigestAlgorithm, Digests } from '../streams/digests.ts';
import { uuidv7 } from '../uuid.ts';
import type { Candidate, ConfiguredChannel } from './channel-pool.ts';
import { collectLeftOver, deleteObjectJob, reclaimObjectJob } from './cleanup-jobs.ts';
import { IncomingBody, type ReceiveOptions } from './incoming-body.ts';
import { storageIdOf, storageKey } from './storage-key.ts';
import { locateObjects, type StoredObjects, type StoreOptions } from './store-objects.ts';

export interface IntakeRequest {
  readonly source: ByteSource;
  readonly filename: string;
  readonly declaredType: string;
  /** Exact bytes in `source`, when known. */
  readonly size?: number | undefined;
  /** The first byte more fails with `too_large`. */
  readonly maxBytes?: number | undefined;
  /** Tried in order; the first that stores the bytes wins. */
  readonly candidates: readonly Candidate[];
  /** Hex digests the bytes must have; checked before the result is handed out. */
  readonly expected?: Digests | undefined;
  /** Whether the first try may let the store keep a recompressed picture. Default false. */
  readonly mayRecompress?: boolean | undefined;
  /** Whether the first channel, if remote, gets a second try, without that. Default false. */
  readonly retryFirst?: boolean | undefined;
  /**
   * Whether the result may hold the bytes (`row`), which the caller then hands to the change that
   * promises them, soon: they stay in memory until then. Default false.
   */
  readonly mayBeRow?: boolean | undefined;
  /** Looks at what is coming before anything is stored; throws to refuse it. */
  readonly accept?: ((sniffed: Sniffed, head: Uint8Array) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Bytes that lie on a channel. */
export interface StoredBytes extends StoredObjects {
  readonly channel: ConfiguredChannel;
}

/** Bytes that are stored, but that nothing in the library promises yet. */
export interface PendingBytes extends StoredBytes {
  /** The blob id to be. */
  readonly storageId: string;
  /** Hex, when it is known. */
  readonly sha256: string | null;
  /** Clean-up written before the bytes went out; void once a row promises them. */
  readonly pendingCleanup: readonly string[];
  /** The bytes, where they are not stored yet: the change that promises them writes them. */
  readonly row?: Uint8Array | undefined;
}

export interface IntakeResult extends PendingBytes {
  readonly sniffed: Sniffed;
  /** As sniffed, with the charset of a text. */
  readonly contentType: string;
  /** First bytes of the file, 4 KiB at least where there are that many. */
  readonly head: Uint8Array;
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
    const { message, retryAfterMs } = first ?? {};
    super(first?.code ?? 'service_unavailable', { message, retryAfterMs, cause: first });
    this.attempts = attempts;
  }
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
  settle(bytes: Pick<StoredBytes, 'channel' | 'segments'>): Promise<void>;
  /**
   * Removes bytes whose row failed with `error`. When it is unknown whether the row was written
   * (the database went away), they stay: then what was noted before they were sent decides at the
   * next look.
   */
  discard(
    bytes: Pick<PendingBytes, 'channel' | 'segments' | 'pendingCleanup'>,
    error: unknown,
  ): Promise<void>;
}

export interface IntakeOptions extends ReceiveOptions {
  readonly metadata: Pick<MetadataStore, 'jobs'>;
  readonly now: Clock;
}

type IntakeStoring = Omit<StoreOptions, 'noteUpload' | 'digests'> & {
  readonly rowId: string | undefined;
};

type NotedBytes = StoredBytes & Pick<PendingBytes, 'pendingCleanup' | 'row'>;

export function createIntake(options: IntakeOptions): Intake {
  return new StreamIntake(options);
}

class StreamIntake implements Intake {
  readonly #jobs: MetadataStore['jobs'];
  readonly #receiving: ReceiveOptions;
  readonly #now: Clock;

  constructor({ metadata, now, ...receiving }: IntakeOptions) {
    this.#jobs = metadata.jobs;
    this.#receiving = receiving;
    this.#now = now;
  }

  async store(request: IntakeRequest): Promise<IntakeResult> {
    const body = await IncomingBody.receive(request, this.#receiving);
    try {
      const sniffed = await sniff(body.head, {
        filename: request.filename,
        declared: request.declaredType,
      });
      request.accept?.(sniffed, body.head);
      const storageId = uuidv7(this.#now());
      const stored = await this.#storeSomewhere(request, body, { storageId, sniffed });
      const digests = await body.digests;
      await this.#expect(request.expected, digests, stored);
      return {
        ...stored,
        storageId,
        sniffed,
        contentType: withCharset(sniffed.contentType, request.declaredType, body.isUtf8()),
        head: body.head,
        // What is stored may be another picture than came in.
        sha256: stored.recompressed === undefined ? (digests?.sha256 ?? null) : null,
      };
    } finally {
      await body.dispose();
    }
  }

  async settle({ channel, segments }: Pick<StoredBytes, 'channel' | 'segments'>): Promise<void> {
    // A mark that stays behind costs one look at the next start; the file is safe already.
    await Promise.all(
      segments.map((segment) => channel.channel.settle?.(segment.ref).catch(() => undefined)),
    );
  }

  async discard(bytes: Parameters<Intake['discard']>[0], error: unknown): Promise<void> {
    const { channel, segments, pendingCleanup } = bytes;
    if (isStowageError(error, 'service_unavailable')) {
      return;
    }
    try {
      await this.#jobs.add(this.#removals(channel, segments));
      await this.#jobs.done(pendingCleanup);
    } catch {
      // A database without room takes no job either: what was noted before stays, and the bytes
      // go at once if they can.
      const call = { signal: AbortSignal.timeout(minuteMs / 2) };
      await Promise.allSettled(segments.map(({ ref }) => channel.channel.delete(ref, call)));
    }
  }

  /** The candidates in their order, each try under a name of its own. */
  async #storeSomewhere(
    request: IntakeRequest,
    body: IncomingBody,
    { storageId, sniffed }: Pick<IntakeResult, 'storageId' | 'sniffed'>,
  ): Promise<NotedBytes> {
    const { filename, signal } = request;
    const { contentType } = sniffed;
    const extension = extensionFor(filename, contentType);
    const attempts: Attempt[] = [];
    for (const { candidate, mayRecompress } of triesOf(request)) {
      const key = storageKey(storageId, extension, this.#now(), attempts.length);
      try {
        return await this.#storeIn(candidate.channel, body, {
          rowId: request.mayBeRow ? storageId : undefined,
          key,
          contentType,
          filename,
          mayRecompress,
          size: body.size ?? request.size,
          signal,
        });
      } catch (error) {
        attempts.push({ candidate, error: faultOfChannel(error, body, signal) });
        if (!body.isReplayable()) {
          break;
        }
      }
    }
    throw new ChannelsFailed(attempts);
  }

  /** Notes before the bytes go out what would have to be removed, should this process end. */
  async #storeIn(
    channel: ConfiguredChannel | undefined,
    body: IncomingBody,
    { rowId, ...options }: IntakeStoring,
  ): Promise<NotedBytes> {
    if (channel === undefined) {
      throw fail('service_unavailable', { message: 'No such channel is configured.' });
    }
    const row = rowId === undefined ? undefined : await prepareRow(channel, body, rowId);
    if (row !== undefined) {
      return row;
    }
    const refs = channel.channel.remote
      ? locateObjects(channel.channel, options.key, options.size)
      : [];
    const notes = this.#reclaims(channel, refs, options.key);
    await this.#note(notes);
    const pendingCleanup = notes.map(({ id }) => id);
    const leftOver = collectLeftOver({
      channelId: channel.id,
      now: this.#now,
      addJobs: (jobs) => this.#note(jobs),
    });
    try {
      const { onLeftOver, noteUpload } = leftOver;
      const call = { ...options, onLeftOver, noteUpload, digests: this.#receiving.digests };
      const stored = await body.storeInto(channel.channel, call);
      await this.#note(leftOver.jobs(stored.segments, this.#now()));
      return { ...stored, channel, pendingCleanup: [...pendingCleanup, ...leftOver.noted] };
    } catch (error) {
      const objects = refs.map((ref) => ({ ref }));
      // Without the database the notes of before stand, for later.
      await this.#jobs
        .add([...this.#removals(channel, objects), ...leftOver.jobs([], this.#now())])
        .then(
          () => this.#jobs.done([...pendingCleanup, ...leftOver.noted]),
          () => undefined,
        );
      throw error;
    }
  }

  async #expect(
    expected: Digests | undefined,
    actual: Digests | undefined,
    { channel, segments }: StoredBytes,
  ): Promise<void> {
    const wrong = mismatch(expected, actual);
    if (wrong !== undefined) {
      await this.#jobs.add(this.#removals(channel, segments));
      throw wrong;
    }
  }

  async #note(jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length > 0) {
      await this.#jobs.add(jobs).catch((cause: unknown) => {
        throw new NotNoted('The library cannot be written.', { cause });
      });
    }
  }

  #reclaims(channel: ConfiguredChannel, refs: readonly Ref[], key: string): readonly NewJob[] {
    const channelId = channel.id;
    const storageId = storageIdOf(key);
    return refs.map((ref) =>
      reclaimObjectJob({ channelId, ref, storageId }, this.#now() + orphanAfterMs),
    );
  }

  #removals(
    channel: ConfiguredChannel,
    objects: readonly Pick<Segment, 'ref'>[],
  ): readonly NewJob[] {
    // A row that no change has written does not exist, and one that is written goes with its blob.
    return objects
      .filter(({ ref }) => rowOf(ref) === undefined)
      .map((object) => deleteObjectJob(channel.id, object, this.#now()));
  }
}

/** Undefined when the bytes become an object of the channel's own. */
async function prepareRow(
  channel: ConfiguredChannel,
  body: IncomingBody,
  id: string,
): Promise<NotedBytes | undefined> {
  const { rows } = channel.channel;
  const { whole } = body;
  if (rows === undefined || whole === undefined || whole.length > rows.maxBytes) {
    return undefined;
  }
  await rows.requireRoom(whole.length);
  const { size, hash } = await body.digest();
  const segments = [{ ref: rowRef(id), size, hash }];
  return { segments, size, hash, channel, pendingCleanup: [], row: whole };
}

/** Upload API 1.8: what is tried, in order, and whether each try may recompress. */
function triesOf({
  candidates,
  mayRecompress = false,
  retryFirst = false,
}: IntakeRequest): readonly Try[] {
  const tries = candidates.map((candidate, at): Try => {
    const isFirst = at === 0 && candidate.channel?.channel.remote === true;
    return { candidate, mayRecompress: isFirst && mayRecompress };
  });
  const [first, ...others] = tries;
  const again = retryFirst && first?.candidate.channel?.channel.remote === true;
  return again ? [first, { ...first, mayRecompress: false }, ...others] : tries;
}

interface Try {
  readonly candidate: Candidate;
  readonly mayRecompress: boolean;
}

/** Throws what no channel is to blame for: then none is tried again. */
function faultOfChannel(error: unknown, body: IncomingBody, signal: AbortSignal): StowageError {
  if (error instanceof NotNoted) {
    throw error.cause;
  }
  if (body.hasFailed() || signal.aborted || !isChannelError(error)) {
    throw error;
  }
  return error;
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
