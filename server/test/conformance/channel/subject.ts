import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { ByteRange, ByteSource, Json, ReplayableBody } from '../../../src/core/bytes.ts';
import type { Channel, PutOptions, PutResult, Ref } from '../../../src/core/channel.ts';
import { streamBody } from '../../../src/core/streams/body.ts';
import { bodyOf, bufferOf, hashSource, type Sample, sampleHash } from './data.ts';

/** What a driver's test file hands to `channelConformance`. */
export interface ChannelFixture {
  readonly channel: Channel;
  /**
   * Number of objects on the backend (unfinished ones included, where it can be told): proves that
   * failures leave nothing behind.
   */
  objects?(): Promise<number>;
  destroy?(): Promise<void> | void;
}

export interface ChannelConformanceOptions {
  create(): Promise<ChannelFixture>;
  /** Case name -> why this driver cannot pass it. An unknown name is an error. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Largest object to try, in bytes; `limits.maxBytes` is respected anyway. */
  readonly maxBytes?: number;
  /** Longer time-outs and fewer objects at once. */
  readonly slow?: boolean;
  /** Texts that must appear in no ref, state, URL or error. */
  readonly secrets?: readonly string[];
}

/** One case of the suite. `needs` names the ability without which the case does not apply. */
export interface ChannelCase {
  readonly name: string;
  readonly needs?: 'locate' | 'settle' | 'size' | 'list' | 'multipart' | 'presign';
  run(subject: Subject): Promise<void>;
}

/** The channel under test with what every case needs around it. */
export interface Subject {
  readonly channel: Channel;
  readonly slow: boolean;
  /** 5 MiB + 1, or as much as the channel takes. */
  readonly bigBytes: number;
  readonly maxBytes: number;
  /** How long "soon" is. */
  readonly soonMs: number;
  /** A new key, as core makes them. */
  key(): string;
  /** A new sample, different from all before. */
  sample(size: number): Sample;
  /** The sample with all that the channel must know of a body beforehand. */
  body(sample: Sample, chunkBytes?: number): ReplayableBody;
  /** The same for a live stream; `size` is what is announced. */
  live(sample: Sample, source: ByteSource, size?: number): ReplayableBody;
  put(
    sample: Sample,
    options?: Partial<PutOptions> & { readonly chunkBytes?: number },
  ): Promise<PutResult>;
  /** Reads `ref` back, whole or a range, and expects the sample's bytes. */
  expectBytes(ref: Ref, sample: Sample, range?: ByteRange): Promise<void>;
  expectGone(ref: Ref): Promise<void>;
  /**
   * Runs `work` and expects that the backend holds as many objects afterwards as before, where that
   * can be told.
   */
  leavesNothing(work: () => Promise<void>): Promise<void>;
  expectNoSecrets(value: unknown): void;
}

let keys = 0;
let seeds = 0;

export function createSubject(
  fixture: ChannelFixture,
  options: ChannelConformanceOptions,
): Subject {
  const { channel } = fixture;
  const maxBytes = Math.min(options.maxBytes ?? 2 ** 40, channel.limits.maxBytes ?? 2 ** 40);
  const run = Date.now().toString(36);
  const signal = new AbortController().signal;
  const sha256Of = (sample: Sample): string | undefined =>
    channel.limits.needsSha256 && createHash('sha256').update(bufferOf(sample)).digest('hex');
  const subject: Subject = {
    channel,
    slow: options.slow ?? false,
    bigBytes: Math.min(5 * 1024 * 1024 + 1, maxBytes),
    maxBytes,
    soonMs: options.slow ? 20_000 : 5_000,
    key: () => `conformance/${run}-${process.pid}/${++keys}.bin`,
    sample: (size) => ({ seed: ++seeds, size }),
    put: (sample, { chunkBytes, ...extra } = {}) =>
      channel.put(subject.body(sample, chunkBytes), {
        key: subject.key(),
        contentType: 'application/octet-stream',
        filename: 'sample.bin',
        signal,
        ...extra,
      }),
    body: (sample, chunkBytes) => ({ ...bodyOf(sample, chunkBytes), sha256: sha256Of(sample) }),
    live: (sample, source, size = sample.size) =>
      streamBody(source, { size, sha256: sha256Of(sample) }),

    expectBytes: (ref, sample, range) => expectBytes(channel, { ref, sample, range }),
    expectGone: async (ref) => {
      await expect(channel.get(ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
    },
    leavesNothing: async (work) => {
      const before = await fixture.objects?.();
      await work();
      expect(await fixture.objects?.(), 'objects on the backend').toBe(before);
    },
    expectNoSecrets: (value) => expectNoSecrets(value, options.secrets ?? []),
  };
  return subject;
}

async function expectBytes(
  channel: Channel,
  { ref, sample, range }: { ref: Ref; sample: Sample; range: ByteRange | undefined },
): Promise<void> {
  const signal = new AbortController().signal;
  const result = await channel.get(ref, range === undefined ? { signal } : { signal, range });
  const expectedSize = range === undefined ? sample.size : range.end - range.start + 1;
  const read = await hashSource(result.stream);
  expect({ announced: result.size, ...read }).toEqual({
    announced: expectedSize,
    size: expectedSize,
    hash: await sampleHash(sample, range),
  });
}

function expectNoSecrets(value: unknown, secrets: readonly string[]): void {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  for (const secret of secrets) {
    expect(text.includes(secret), 'a secret shows').toBe(false);
    expect(text.includes(encodeURIComponent(secret)), 'a secret shows, URL-encoded').toBe(false);
  }
}

/** What storing a value in a JSON column does to it. */
export function throughJson<T extends Json>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Rejects when `promise` has not settled after `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/**
 * Yields what `source` has, runs `then`, and says nothing more: a caller whose connection stalls.
 */
export async function* stallAfter(source: ByteSource, then: () => void): ByteSource {
  yield* source;
  then();
  await new Promise<never>(() => {});
}

/** Yields what `source` has, then throws. */
export async function* failAfter(source: ByteSource, error: unknown): ByteSource {
  yield* source;
  throw error;
}
