import type { ByteSource } from '../../core/bytes.ts';
import { createS3Channel } from './channel.ts';
import type { S3Settings } from './settings.ts';

/**
 * Run by `memory.test.ts` in a process of its own: stores a large body, prints how far the resident
 * memory rose.
 */
const input = process.argv[2] ?? '{}';
const { settings, sizeBytes, known } = JSON.parse(input) as {
  settings: S3Settings;
  sizeBytes: number;
  known: boolean;
};
const channel = createS3Channel(settings);
const signal = new AbortController().signal;

// One chunk again and again: garbage of the source would be measured too, of which V8 lets 60 MiB
// gather.
const chunk = Buffer.alloc(65_536, 'x');
async function* chunks(bytes: number): ByteSource {
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    yield chunk;
  }
}

const put = (key: string, bytes: number) =>
  channel.put(chunks(bytes), {
    key,
    contentType: 'video/mp4',
    signal,
    ...(known && { size: bytes }),
  });

// Code and sockets are there before the measurement begins.
await channel.delete((await put('warm-up', 65_536)).ref, { signal });
const before = process.memoryUsage.rss();
let peak = before;
const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
const { ref, size } = await put('large', sizeBytes);
clearInterval(timer);
await channel.delete(ref, { signal });
await channel.close?.();
console.log(
  JSON.stringify({ grownBytes: Math.max(peak, process.memoryUsage.rss()) - before, stored: size }),
);
