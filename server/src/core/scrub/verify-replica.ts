import type { ByteSource } from '../bytes.ts';
import type { Channel } from '../channel.ts';
import { isStowageError } from '../errors.ts';
import type { Replica, Segment } from '../metadata.ts';
import { createHasher, isContentHash } from '../streams/hash.ts';
import type { Throttle } from './throttle.ts';

/** `unknown`: the channel did not respond, which proves nothing about the bytes. */
export type Verdict = Replica['state'] | 'unknown';

export interface Verified {
  readonly verdict: Verdict;
  /** Bytes read. */
  readonly bytes: number;
  readonly error?: unknown;
}

export interface VerifyOptions {
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
  /**
   * Checks only that the objects exist with the right size, where the channel knows that without
   * reading.
   */
  readonly quick?: boolean;
}

/** Roughly what a seek costs a disk. Smaller objects count as this many bytes. */
const leastBytes = 64 * 1024;

/**
 * Reads every object of a replica and compares it with its hash. Rejects only when `signal` is
 * aborted.
 */
export async function verifyReplica(
  channel: Channel,
  { segments }: Pick<Replica, 'segments'>,
  options: VerifyOptions,
): Promise<Verified> {
  let bytes = 0;
  for (const segment of segments) {
    const verified = await verifySegment(channel, segment, options);
    bytes += verified.bytes;
    if (verified.verdict !== 'ok') {
      return { ...verified, bytes };
    }
  }
  return { verdict: 'ok', bytes };
}

/** Damage counts only when it is seen twice: it may have happened in transit. */
async function verifySegment(
  channel: Channel,
  segment: Segment,
  options: VerifyOptions,
): Promise<Verified> {
  const first = await lookAt(channel, segment, options);
  if (first.verdict !== 'damaged') {
    return first;
  }
  const second = await lookAt(channel, segment, options);
  return { ...second, bytes: first.bytes + second.bytes };
}

async function lookAt(
  channel: Channel,
  segment: Segment,
  { throttle, signal, quick }: VerifyOptions,
): Promise<Verified> {
  const read = { bytes: 0 };
  try {
    if (quick === true && channel.size !== undefined) {
      return {
        verdict: (await channel.size(segment.ref)) === segment.size ? 'ok' : 'damaged',
        bytes: 0,
      };
    }
    await throttle.take(Math.max(0, leastBytes - segment.size), signal);
    const { stream, size } = await channel.get(segment.ref, { signal });
    const hash = await hashOf(stream, { throttle, signal, read });
    const isRight =
      size === segment.size &&
      read.bytes === segment.size &&
      (!isContentHash(segment.hash) || hash === segment.hash);
    return { verdict: isRight ? 'ok' : 'damaged', bytes: read.bytes };
  } catch (error) {
    signal.throwIfAborted();
    return { verdict: isLoss(error) ? 'missing' : 'unknown', bytes: read.bytes, error };
  }
}

/** The object is gone, or in a place that the disk can no longer read. */
function isLoss(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    isStowageError(error, 'not_found') ||
    (cause instanceof Error && 'code' in cause && cause.code === 'EIO')
  );
}

interface Reading {
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
  readonly read: { bytes: number };
}

async function hashOf(stream: ByteSource, { throttle, signal, read }: Reading): Promise<string> {
  const hasher = createHasher();
  for await (const chunk of stream) {
    hasher.update(chunk);
    read.bytes += chunk.length;
    await throttle.take(chunk.length, signal);
  }
  return hasher.digest();
}
