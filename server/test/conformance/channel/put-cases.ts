import { expect } from 'vitest';
import type { Channel } from '../../../src/core/channel.ts';
import { fail, isStowageError } from '../../../src/core/errors.ts';
import { streamBody } from '../../../src/core/streams/body.ts';
import { guarded } from '../../guarded.ts';
import { storeSpooled } from '../../store-spooled.ts';
import { bytesOf } from './data.ts';
import {
  type ChannelCase,
  failAfter,
  type Subject,
  stallAfter,
  throughJson,
  within,
} from './subject.ts';

const oddNames = [
  'naïve 日本語 🐘.png',
  'quote".png',
  "it's.png",
  'line\r\nX-Injected: yes.png',
  'semi;colon,comma=equals.png',
  '../../etc/passwd',
  '100%.png',
  'back\\slash',
  `${'n'.repeat(300)}.png`,
  '',
];

const oddTypes = [
  'text/plain; charset="utf-8"',
  'image/png\r\nX-Injected: yes',
  'text/日本',
  'nonsense',
  '',
  `application/${'x'.repeat(300)}`,
];

const oddKeys = [
  'ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/0123456789._-',
  '.hidden/-dash/_under/a..b/tail.',
  'upper/A',
  'upper/a',
  'upper_a',
  'upper-a',
  'upper.a',
  `${'long'.repeat(12)}/${'name'.repeat(12)}/`,
];

async function storesSize(subject: Subject, size: number): Promise<void> {
  const sample = subject.sample(Math.min(size, subject.maxBytes));
  const { ref, size: stored } = await subject.put(sample);
  expect(stored).toBe(sample.size);
  await subject.expectBytes(ref, sample);
  await subject.channel.delete(ref, { signal: new AbortController().signal });
}

async function rejectsOnAbort(subject: Subject, key: string): Promise<void> {
  const controller = new AbortController();
  const sample = subject.sample(Math.min(1024 * 1024, subject.maxBytes - 1));
  const source = stallAfter(bytesOf(sample), () => setImmediate(() => controller.abort()));
  const options = {
    key,
    contentType: 'application/octet-stream',
    signal: controller.signal,
  };
  await expect(
    within(
      subject.soonMs,
      subject.channel.put(subject.live(sample, source, sample.size + 1), options),
    ),
  ).rejects.toThrow(/^(?!not settled)/);
}

async function passesErrorOn(subject: Subject, key: string): Promise<void> {
  const error = new Error('the caller hung up');
  const sample = subject.sample(Math.min(1024 * 1024, subject.maxBytes - 1));
  const put = subject.channel.put(
    subject.live(sample, failAfter(bytesOf(sample), error), sample.size + 1),
    { key, contentType: 'application/octet-stream', signal },
  );
  await expect(within(subject.soonMs, put)).rejects.toBe(error);
}

const signal = new AbortController().signal;

/** The channel behind its guard; the first put reads the beginning of its body and fails. */
function failingOnce(inner: Channel): { readonly channel: Channel; readonly tries: string[] } {
  const tries: string[] = [];
  const failing: Channel = {
    ...inner,
    async put(body, options) {
      if (tries.push(options.key) > 1) {
        return inner.put(body, options);
      }
      await body.open()[Symbol.asyncIterator]().next();
      throw fail('channel_unavailable');
    },
  };
  return { channel: guarded(failing), tries };
}

async function leavesNothingUnder(
  subject: Subject,
  work: (subject: Subject, key: string) => Promise<void>,
): Promise<void> {
  const key = subject.key();
  await subject.leavesNothing(() => work(subject, key));
  const ref = subject.channel.locate?.(key);
  if (ref !== undefined) {
    await subject.expectGone(ref);
  }
}

export const putCases: readonly ChannelCase[] = [
  { name: 'stores 0 bytes', run: (subject) => storesSize(subject, 0) },
  { name: 'stores 1 byte', run: (subject) => storesSize(subject, 1) },
  { name: 'stores 64 KiB', run: (subject) => storesSize(subject, 65_536) },
  { name: 'stores 5 MiB + 1', run: (subject) => storesSize(subject, 5 * 1024 * 1024 + 1) },
  {
    name: 'stores a body of unknown size',
    run: async (subject) => {
      const sample = subject.sample(subject.bigBytes);
      const { limits, multipart } = subject.channel;
      // Where the hash must be known beforehand, or large bodies go out in parts, so is the size.
      const body =
        limits.needsSha256 || multipart?.limits.split
          ? subject.body(sample)
          : streamBody(bytesOf(sample));
      const { ref, size } = await subject.channel.put(body, {
        key: subject.key(),
        contentType: 'application/octet-stream',
        signal: new AbortController().signal,
      });
      expect(size).toBe(sample.size);
      await subject.expectBytes(ref, sample);
    },
  },
  {
    name: 'takes from core a body of unknown size, in parts where it has them',
    needs: 'multipart',
    run: async (subject) => {
      const { partBytes = subject.bigBytes } = subject.channel.multipart?.limits.split ?? {};
      for (const bytes of [partBytes, 2 * partBytes + 1]) {
        const sample = subject.sample(bytes);
        const options = { key: subject.key(), contentType: 'application/octet-stream', signal };
        const { segments } = await storeSpooled(subject.channel, bytesOf(sample), options);
        expect(segments.map(({ size }) => size)).toEqual([bytes]);
        await subject.expectBytes(segments[0]?.ref ?? null, sample);
      }
    },
  },
  {
    name: 'stores bodies in tiny and in huge chunks',
    run: async (subject) => {
      for (const [size, chunkBytes] of [
        [3001, 1],
        [100_003, 997],
        [subject.bigBytes, subject.bigBytes],
      ] as const) {
        const sample = subject.sample(Math.min(size, subject.maxBytes));
        const { ref } = await subject.put(sample, { chunkBytes });
        await subject.expectBytes(ref, sample);
      }
    },
  },
  {
    name: 'stores empty chunks as nothing',
    run: async (subject) => {
      const sample = subject.sample(1000);
      const source = (async function* () {
        yield new Uint8Array(0);
        yield* bytesOf(sample, undefined, 300);
        yield new Uint8Array(0);
      })();
      const { ref } = await subject.channel.put(subject.live(sample, source), {
        key: subject.key(),
        contentType: 'image/png',
        signal,
      });
      await subject.expectBytes(ref, sample);
    },
  },
  {
    name: 'stores a body anew as often as it is opened',
    run: async (subject) => {
      const sample = subject.sample(Math.min(300_000, subject.maxBytes));
      const body = subject.body(sample);
      const options = { contentType: 'application/octet-stream', signal };
      for (const key of [subject.key(), subject.key()]) {
        const { ref } = await subject.channel.put(body, { ...options, key });
        await subject.expectBytes(ref, sample);
      }
    },
  },
  {
    name: 'behind the guard a body is sent again after a failure, a live stream never is',
    run: async (subject) => {
      const sample = subject.sample(Math.min(300_000, subject.maxBytes));
      const { channel, tries } = failingOnce(subject.channel);
      const options = { contentType: 'application/octet-stream', signal };
      const live = subject.live(sample, bytesOf(sample));
      await expect(channel.put(live, { ...options, key: subject.key() })).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
      expect(tries).toHaveLength(1);
      const again = failingOnce(subject.channel);
      const put = { ...options, key: subject.key() };
      const { ref, size } = await again.channel.put(subject.body(sample), put);
      expect([again.tries.length, size]).toEqual([2, sample.size]);
      await subject.expectBytes(ref, sample);
    },
  },
  {
    name: 'takes every character a key may have, and 200 of them',
    run: async (subject) => {
      const unique = subject.key().replace('conformance/', '');
      const stored = [];
      for (const odd of oddKeys) {
        const start = `${unique}/${odd}`;
        const key = odd.endsWith('/') ? start.padEnd(200, 'k') : start;
        const sample = subject.sample(100);
        stored.push({ sample, ...(await subject.put(sample, { key })) });
      }
      for (const { ref, sample } of stored) {
        await subject.expectBytes(ref, sample);
      }
    },
  },
  {
    name: 'takes odd file names',
    run: async (subject) => {
      for (const filename of oddNames) {
        const sample = subject.sample(100);
        const { ref } = await subject.put(sample, { filename, contentType: 'image/png' });
        await subject.expectBytes(ref, sample);
      }
    },
  },
  {
    name: 'takes odd content types',
    run: async (subject) => {
      for (const contentType of oddTypes) {
        const sample = subject.sample(100);
        const { ref } = await subject.put(sample, { contentType });
        await subject.expectBytes(ref, sample);
      }
    },
  },
  {
    name: 'stores many at once',
    run: async (subject) => {
      const samples = Array.from({ length: subject.slow ? 4 : 16 }, (_, index) =>
        subject.sample(Math.min(index * 50_001, subject.maxBytes)),
      ).filter(({ size }) => size > 0);
      const results = await Promise.all(samples.map((sample) => subject.put(sample)));
      expect(new Set(results.map(({ ref }) => JSON.stringify(ref))).size).toBe(samples.length);
      await Promise.all(
        samples.map((sample, index) => subject.expectBytes(results[index]?.ref ?? null, sample)),
      );
    },
  },
  {
    name: 'an abort during put rejects soon and leaves nothing',
    run: (subject) => leavesNothingUnder(subject, rejectsOnAbort),
  },
  {
    name: 'a signal aborted before put rejects and leaves nothing',
    run: (subject) =>
      leavesNothingUnder(subject, async (_, key) => {
        await expect(
          within(
            subject.soonMs,
            subject.put(subject.sample(1000), { key, signal: AbortSignal.abort() }),
          ),
        ).rejects.toThrow(/^(?!not settled)/);
      }),
  },
  {
    name: 'a source that fails midway is passed on as it is and leaves nothing',
    run: (subject) => leavesNothingUnder(subject, passesErrorOn),
  },
  {
    name: 'the channel still works after failures',
    run: async (subject) => {
      for (let times = 0; times < 3; times++) {
        await passesErrorOn(subject, subject.key());
        await rejectsOnAbort(subject, subject.key());
      }
      await storesSize(subject, 10_000);
    },
  },
  {
    name: 'the ref survives JSON and holds no secret',
    run: async (subject) => {
      const sample = subject.sample(1000);
      const { ref } = await subject.put(sample);
      expect(throughJson(ref)).toEqual(ref);
      subject.expectNoSecrets(ref);
      await subject.expectBytes(throughJson(ref), sample);
    },
  },
  {
    name: 'delete is idempotent, get afterwards says not_found',
    run: async (subject) => {
      const { ref } = await subject.put(subject.sample(1000));
      await subject.channel.delete(ref, { signal });
      await subject.expectGone(ref);
      await subject.channel.delete(throughJson(ref), { signal });
      await Promise.all([
        subject.channel.delete(ref, { signal }),
        subject.channel.delete(ref, { signal }),
      ]);
    },
  },
  {
    name: 'delete takes only what it was asked for',
    run: async (subject) => {
      const kept = subject.sample(1000);
      const [first, second] = await Promise.all([
        subject.put(kept),
        subject.put(subject.sample(1000)),
      ]);
      await subject.channel.delete(second.ref, { signal: new AbortController().signal });
      await subject.expectBytes(first.ref, kept);
    },
  },
  {
    name: 'errors are of the channel family and hold no secret',
    run: async (subject) => {
      const { ref } = await subject.put(subject.sample(10));
      await subject.channel.delete(ref, { signal });
      const error = await subject.channel.get(ref, { signal }).catch((reason: unknown) => reason);
      expect(isStowageError(error, 'not_found')).toBe(true);
      subject.expectNoSecrets(
        error instanceof Error ? `${error.message} ${error.stack} ${String(error.cause)}` : '',
      );
    },
  },
  {
    name: 'locate tells the ref of put beforehand',
    needs: 'locate',
    run: async (subject) => {
      const key = subject.key();
      const located = subject.channel.locate?.(key);
      const sample = subject.sample(1000);
      const { ref } = await subject.put(sample, { key });
      expect(ref).toEqual(located);
      subject.expectNoSecrets(located);
      await subject.expectBytes(located ?? null, sample);
    },
  },
  {
    name: 'unsettled lists what is not confirmed and nothing else',
    needs: 'settle',
    run: async (subject) => {
      const keys = [subject.key(), subject.key(), subject.key()] as const;
      const put = (key: string) => subject.put(subject.sample(1000), { key });
      const [settled, open, deleted] = [await put(keys[0]), await put(keys[1]), await put(keys[2])];
      await subject.channel.settle?.(settled.ref);
      await subject.channel.settle?.(settled.ref);
      await subject.channel.delete(deleted.ref, { signal: new AbortController().signal });
      const left = await Array.fromAsync(subject.channel.unsettled?.() ?? []);
      expect(left).toContainEqual({ ref: open.ref, key: keys[1] });
      expect(left.map(({ key }) => key)).not.toContain(keys[0]);
      expect(left.map(({ key }) => key)).not.toContain(keys[2]);
    },
  },
  {
    name: 'unsettled leaves uploads under way alone',
    needs: 'settle',
    run: async (subject) => {
      const key = subject.key();
      const sample = subject.sample(2_000_000);
      const asked = Promise.withResolvers<readonly string[]>();
      const source = (async function* () {
        yield* bytesOf(sample, { start: 0, end: 1_899_999 });
        Array.fromAsync(subject.channel.unsettled?.() ?? [], (left) => left.key).then(
          asked.resolve,
          asked.reject,
        );
        await asked.promise;
        yield* bytesOf(sample, { start: 1_900_000, end: sample.size - 1 });
      })();
      const { ref } = await subject.channel.put(subject.live(sample, source), {
        key,
        contentType: 'image/png',
        signal,
      });
      expect(await asked.promise).not.toContain(key);
      await subject.expectBytes(ref, sample);
      await subject.channel.settle?.(ref);
    },
  },
  {
    name: 'check succeeds and stores nothing',
    run: (subject) =>
      subject.leavesNothing(() => subject.channel.check({ signal: new AbortController().signal })),
  },
];
