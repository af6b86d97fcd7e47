import { z } from 'zod';
import type { ByteSource } from '../../core/bytes.ts';
import type { Channel, GetOptions, PutOptions, Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { raceAbort } from '../../core/guard/race-abort.ts';
import { defineDriver } from '../driver.ts';

const settingsSchema = z.strictObject({
  maxBytes: z.int().positive().optional().describe('Largest file this channel takes, in bytes.'),
});

/**
 * Holds everything in memory and forgets it at the end of the process: for tests and
 * demonstrations.
 */
export const memoryDriver = defineDriver({
  type: 'memory',
  group: { name: 'memory', label: 'Memory' },
  settings: settingsSchema,
  create: createMemoryChannel,
});

export function createMemoryChannel({ maxBytes }: z.infer<typeof settingsSchema> = {}): Channel {
  const objects = new Map<string, Buffer>();
  const find = (ref: Ref): Buffer => {
    const bytes = typeof ref === 'string' ? objects.get(ref) : undefined;
    if (bytes === undefined) {
      throw fail('not_found');
    }
    return bytes;
  };
  return {
    limits: maxBytes === undefined ? {} : { maxBytes },
    remote: false,
    put: async (body, options) => {
      const bytes = await collect(body.open(), options, maxBytes);
      objects.set(options.key, bytes);
      return { ref: options.key, size: bytes.byteLength };
    },
    get: async (ref, { range, signal }: GetOptions) => {
      signal.throwIfAborted();
      const bytes = find(ref);
      const wanted = range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
      return { stream: inChunks(wanted, signal), size: wanted.byteLength };
    },
    delete: async (ref) => {
      objects.delete(String(ref));
    },
    check: async () => {},
    locate: (key) => key,
  };
}

async function collect(
  source: ByteSource,
  { signal }: PutOptions,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  signal.throwIfAborted();
  return raceAbort(gather(source, signal, maxBytes), signal);
}

async function gather(source: ByteSource, signal: AbortSignal, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw fail('too_large', { details: { maxBytes } });
    }
  }
  return Buffer.concat(chunks, size);
}

async function* inChunks(bytes: Buffer, signal: AbortSignal): ByteSource {
  for (let at = 0; at < bytes.byteLength; at += 65_536) {
    signal.throwIfAborted();
    yield bytes.subarray(at, at + 65_536);
  }
}
