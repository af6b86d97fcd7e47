import type { ByteRange } from '../../src/core/bytes.ts';
import type { Channel, PutOptions, PutResult, Ref } from '../../src/core/channel.ts';
import { bytesBody } from '../../src/core/streams/body.ts';
import { bodyOf, bufferOf, type Sample } from '../conformance/channel/data.ts';

export const neverAborted = new AbortController().signal;

let keys = 0;
let seeds = 1000;

/** A made-up file, different from all before. */
export function newSample(size: number): Sample {
  return { seed: ++seeds, size };
}

export function newKey(): string {
  return `test/${process.pid}-${++keys}.bin`;
}

export function putSample(
  channel: Channel,
  sample: Sample,
  options: Partial<PutOptions> = {},
): Promise<PutResult> {
  return channel.put(bodyOf(sample), {
    key: newKey(),
    contentType: 'application/octet-stream',
    signal: neverAborted,
    ...options,
  });
}

export function putBytes(
  channel: Channel,
  bytes: Uint8Array,
  options: Partial<PutOptions> = {},
): Promise<PutResult> {
  return channel.put(bytesBody(bytes), {
    key: newKey(),
    contentType: 'application/octet-stream',
    signal: neverAborted,
    ...options,
  });
}

/** What `get` gives, in one buffer. */
export async function read(channel: Channel, ref: Ref, range?: ByteRange): Promise<Buffer> {
  const { stream } = await channel.get(ref, { signal: neverAborted, ...(range && { range }) });
  return Buffer.concat(await Array.fromAsync(stream));
}

/**
 * Puts again, as core does with its replayable copy, while the channel's errors are retryable;
 * waits as long as they ask for.
 */
export async function putWithRetries(
  channel: Channel,
  sample: Sample,
  options: Partial<PutOptions> = {},
): Promise<PutResult> {
  const key = newKey();
  for (let attempt = 1; ; attempt++) {
    try {
      return await putSample(channel, sample, { key, ...options });
    } catch (error) {
      const { code, retryAfterMs = 1 } = error as { code?: string; retryAfterMs?: number };
      if (attempt === 5 || (code !== 'channel_unavailable' && code !== 'channel_rate_limited')) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
    }
  }
}

export { bufferOf };
