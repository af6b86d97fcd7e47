import { expect } from 'vitest';
import type { ByteRange } from '../../../src/core/bytes.ts';
import { type ChannelCase, type Subject, within } from './subject.ts';

/** Borders that drivers and transports tend to cut at. */
const borders = [1024, 16_384, 65_536, 131_072, 262_144, 524_288, 1_048_576, 4_194_304];

function rangesOf(size: number): ByteRange[] {
  const last = size - 1;
  const across = borders
    .filter((border) => border + 1 < size)
    .map((border) => ({ start: border - 1, end: border }));
  const middle = Math.floor(size / 2);
  return [
    { start: 0, end: 0 },
    { start: last, end: last },
    { start: 0, end: last },
    { start: 1, end: last - 1 },
    { start: middle, end: Math.min(middle + 99_999, last) },
    ...across,
  ];
}

async function openBig(subject: Subject, signal: AbortSignal) {
  const sample = subject.sample(subject.bigBytes);
  const { ref } = await subject.put(sample);
  return { sample, ref, ...(await subject.channel.get(ref, { signal })) };
}

export const getCases: readonly ChannelCase[] = [
  {
    name: 'ranges: first byte, last byte, middle, across borders',
    run: async (subject) => {
      const sample = subject.sample(subject.bigBytes);
      const { ref } = await subject.put(sample);
      for (const range of rangesOf(sample.size)) {
        await subject.expectBytes(ref, sample, range);
      }
    },
  },
  {
    name: 'a range of a one-byte object',
    run: async (subject) => {
      const sample = subject.sample(1);
      const { ref } = await subject.put(sample);
      await subject.expectBytes(ref, sample, { start: 0, end: 0 });
    },
  },
  {
    name: 'several readers of one object at once',
    run: async (subject) => {
      const sample = subject.sample(subject.bigBytes);
      const { ref } = await subject.put(sample);
      const ranges = rangesOf(sample.size).slice(2, subject.slow ? 4 : 8);
      await Promise.all(ranges.map((range) => subject.expectBytes(ref, sample, range)));
    },
  },
  {
    name: 'leaving the iteration early ends the read soon',
    run: async (subject) => {
      const { stream, sample, ref } = await openBig(subject, new AbortController().signal);
      const leave = async () => {
        for await (const chunk of stream) {
          expect(chunk.byteLength).toBeGreaterThan(0);
          break;
        }
      };
      await within(subject.soonMs, leave());
      await subject.expectBytes(ref, sample, { start: 0, end: 9 });
    },
  },
  {
    name: 'an abort during get ends the iteration with an error soon',
    run: async (subject) => {
      const controller = new AbortController();
      const { stream, sample, ref } = await openBig(subject, controller.signal);
      const read = async () => {
        let bytes = 0;
        for await (const chunk of stream) {
          bytes += chunk.byteLength;
          controller.abort();
          // One that has the whole object in its first chunk has nothing left to stop.
          if (bytes === sample.size) {
            throw controller.signal.reason;
          }
        }
      };
      await expect(within(subject.soonMs, read())).rejects.toThrow(/^(?!not settled)/);
      await subject.expectBytes(ref, sample, { start: 0, end: 9 });
    },
  },
  {
    name: 'a signal aborted before get rejects',
    run: async (subject) => {
      const { ref } = await subject.put(subject.sample(1000));
      const read = async () => {
        const { stream } = await subject.channel.get(ref, { signal: AbortSignal.abort() });
        for await (const _ of stream) {
          // an abort that is only noticed now is soon enough
        }
      };
      await expect(within(subject.soonMs, read())).rejects.toThrow(/^(?!not settled)/);
    },
  },
];
