import type { ByteSource, ReplayableBody } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { createUtf8Check } from '../content-type/charset.ts';
import { fail } from '../errors.ts';
import type { Digest } from '../streams/body.ts';
import type { DigestAlgorithm, DigestService, Digests } from '../streams/digests.ts';
import { createHasher, type Hasher, hashOf } from '../streams/hash.ts';
import { type Peeked, peek } from '../streams/peek.ts';
import { createSpool, type Spool } from '../streams/spool.ts';
import { type Tapped, tap } from '../streams/tap.ts';
import type { IntakeRequest } from './intake.ts';
import { type StoredObjects, type StoreOptions, storeSpool, storeWhole } from './store-objects.ts';

/** Enough for the size of nearly every picture: an EXIF thumbnail may stand before it. */
const headBytes = 64 * 1024;

export interface ReceiveOptions {
  readonly digests: DigestService;
  /** Folder for temporary copies; exists. */
  readonly spoolFolder: string;
}

/**
 * A body whose first bytes are there. A local disk reads it straight, and once it has begun no
 * other channel can; in front of a network stands a spool.
 */
export class IncomingBody {
  readonly #tapped: Tapped;
  readonly #source: ByteSource;
  readonly #spoolFolder: string;
  readonly #utf8 = createUtf8Check();
  readonly #hasher: Hasher | undefined;
  readonly #digests: Promise<Digests> | undefined;
  #peeked: Peeked | undefined;
  #spool: Spool | undefined;
  #hash: string | undefined;
  #hasFailed = false;

  private constructor(request: IntakeRequest, { digests, spoolFolder }: ReceiveOptions) {
    const { source, signal, maxBytes, size, candidates, expected } = request;
    const channels = candidates.flatMap(({ channel }) => channel?.channel ?? []);
    this.#spoolFolder = spoolFolder;
    this.#hasher = channels.some((channel) => isCut(channel, size)) ? undefined : createHasher();
    this.#tapped = tap(source, {
      signal,
      maxBytes,
      onChunk: (chunk) => {
        this.#utf8.push(chunk);
        this.#hasher?.update(chunk);
      },
      onEnd: () => (this.#hash = this.#hasher?.digest()),
      onError: () => (this.#hasFailed = true),
    });
    const wanted = algorithmsFor(channels, expected);
    const hashed = wanted.length > 0 ? digests.tap(this.#tapped, wanted) : undefined;
    this.#source = hashed?.source ?? this.#tapped;
    this.#digests = hashed?.digests;
  }

  /** Resolves as soon as the first bytes are there. */
  static async receive(request: IntakeRequest, options: ReceiveOptions): Promise<IncomingBody> {
    const body = new IncomingBody(request, options);
    body.#peeked = await peek(body.#source, Math.max(headBytes, rowBytes(request) + 1));
    return body;
  }

  get head(): Uint8Array {
    return this.#start.head;
  }

  /** The exact size, when the body ended within the head. */
  get size(): number | undefined {
    return this.#start.size;
  }

  /** All bytes, when they fit one row. */
  get whole(): Uint8Array | undefined {
    return this.size === undefined ? undefined : this.head;
  }

  /** What was asked for of all bytes, once they are stored. */
  get digests(): Promise<Digests> | undefined {
    return this.#digests;
  }

  /** Of all bytes, once they are stored. */
  isUtf8(): boolean {
    return this.#utf8.isUtf8();
  }

  /** Whether the body itself has failed: no channel is to blame, and none is tried again. */
  hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether another channel could still get all bytes. */
  isReplayable(): boolean {
    return this.#spool !== undefined || !this.#start.consumed();
  }

  async storeInto(channel: Channel, options: StoreOptions): Promise<StoredObjects> {
    const digest = this.#hasher && (() => this.digest());
    if (!channel.remote) {
      return storeWhole(channel, { ...(this.#spool ?? this.#live(options)), digest }, options);
    }
    this.#spool ??= createSpool(this.#start.source, this.#spoolFolder);
    if (!channel.limits.needsSha256) {
      return storeSpool(channel, this.#spool, { ...options, digest });
    }
    await this.#spool.ended;
    const digests = await this.#digests;
    return storeSpool(channel, this.#spool, { ...options, sha256: digests?.sha256, digest });
  }

  /** Lets go of everything; a sender that has gone silent holds nothing up. */
  async dispose(): Promise<void> {
    this.#tapped.stop(() => fail('client_closed', { message: 'The upload was cancelled.' }));
    this.#peeked?.leave();
    await this.#spool?.dispose();
  }

  get #start(): Peeked {
    if (this.#peeked === undefined) {
      throw fail('internal_error');
    }
    return this.#peeked;
  }

  #live({ size }: StoreOptions): ReplayableBody {
    return { open: () => this.#start.source, once: true, size };
  }

  /** Once all bytes have been read. */
  async digest(): Promise<Digest> {
    await this.#spool?.ended;
    const { whole } = this;
    if (whole !== undefined) {
      this.#hash ??= hashOf(whole);
    }
    if (this.#hash === undefined) {
      throw fail('internal_error', { message: 'The body was not read to its end.' });
    }
    return { size: this.#tapped.bytes, hash: this.#hash };
  }
}

/** Largest body that could become a row; 0 when none may. */
function rowBytes({ candidates, mayBeRow = false }: IntakeRequest): number {
  const limits = candidates.map(({ channel }) => channel?.channel.rows?.maxBytes ?? 0);
  return mayBeRow ? Math.max(0, ...limits) : 0;
}

/** Segments are hashed one by one as they go out; anything else is hashed as it comes in. */
function isCut({ limits }: Channel, size: number | undefined): boolean {
  return limits.segment !== undefined && (size === undefined || size > limits.segment.best);
}

function algorithmsFor(
  channels: readonly Channel[],
  expected: Digests | undefined,
): readonly DigestAlgorithm[] {
  const wanted = new Set(Object.keys(expected ?? {}) as DigestAlgorithm[]);
  if (channels.some(({ limits }) => limits.needsSha256)) {
    wanted.add('sha256');
  }
  return [...wanted];
}
