import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { sendStream, slices } from './send-stream.ts';

const signal = new AbortController().signal;

it('slices gives all bytes and a sign of life with each piece', async () => {
  for (const size of [0, 1, 128 * 1024, 1_000_000]) {
    const bytes = Buffer.alloc(size, 'x');
    let signs = 0;
    const read = Buffer.concat(await Array.fromAsync(slices(bytes, () => signs++)));
    expect(read.equals(bytes)).toBe(true);
    expect(signs).toBe(Math.ceil(size / (128 * 1024)));
  }
});

it('a failed request ends the body, a failed body the request', async () => {
  const body = Readable.from([Buffer.alloc(1)]);
  const error = new Error('answered early');
  let aborted: AbortSignal | undefined;
  const failed = sendStream(
    () => body,
    signal,
    async (outgoing) => {
      aborted = outgoing.signal;
      throw error;
    },
  );
  await expect(failed).rejects.toBe(error);
  expect([body.destroyed, aborted?.aborted]).toEqual([true, true]);

  const stopped = sendStream(
    (stop) => {
      setImmediate(() => stop(error));
      return Readable.from([]);
    },
    signal,
    (outgoing) => new Promise((_, reject) => outgoing.signal.addEventListener('abort', () => reject(outgoing.signal.reason))),
  );
  await expect(stopped).rejects.toBe(error);
});
