import { expect } from 'vitest';
import type { Json } from '../../../src/core/bytes.ts';
import type { Multipart, PutOptions } from '../../../src/core/channel.ts';
import { streamBody } from '../../../src/core/streams/body.ts';
import { bytesOf, type Sample } from './data.ts';
import { type ChannelCase, failAfter, type Subject, throughJson, within } from './subject.ts';

const signal = new AbortController().signal;

/** A multipart upload of one sample, cut into parts. */
interface Transfer {
  readonly multipart: Multipart;
  readonly state: Json;
  readonly sample: Sample;
  readonly partBytes: number;
  /** Parts it takes; numbers count from 1. */
  readonly count: number;
  send(number: number, of?: Sample): Promise<SentPart>;
  finish(parts: readonly SentPart[]): ReturnType<Multipart['finish']>;
}

interface SentPart {
  readonly number: number;
  readonly part: Json;
  readonly size: number;
}

async function begin(
  subject: Subject,
  { parts, tailBytes = 1 }: { parts: number; tailBytes?: number },
): Promise<Transfer> {
  const { multipart } = subject.channel;
  if (multipart === undefined) {
    throw new Error('no multipart');
  }
  const partBytes = Math.max(multipart.limits.minPart, 100_000);
  const sample = subject.sample((parts - 1) * partBytes + tailBytes);
  const options: PutOptions = {
    key: subject.key(),
    contentType: 'application/octet-stream',
    filename: 'naïve "multi".bin',
    signal,
  };
  const state = throughJson(await multipart.start(options));
  subject.expectNoSecrets(state);
  return {
    multipart,
    state,
    sample,
    partBytes,
    count: parts,
    send: async (number, of = sample) => {
      const start = (number - 1) * partBytes;
      const end = Math.min(start + partBytes, sample.size) - 1;
      const size = end - start + 1;
      return {
        number,
        part: throughJson(
          await multipart.part(
            state,
            number,
            { open: () => bytesOf(of, { start, end }), size },
            {
              signal,
            },
          ),
        ),
        size,
      };
    },
    finish: (sent) =>
      multipart.finish(
        state,
        [...sent].sort((a, b) => a.number - b.number),
        { signal },
      ),
  };
}

async function expectFinished(
  subject: Subject,
  transfer: Transfer,
  sent: readonly SentPart[],
): Promise<void> {
  const { ref, size } = await transfer.finish(sent);
  expect(size).toBe(transfer.sample.size);
  subject.expectNoSecrets(ref);
  await subject.expectBytes(throughJson(ref), transfer.sample);
  await subject.channel.delete(ref, { signal });
}

export const multipartCases: readonly ChannelCase[] = [
  {
    name: 'multipart: parts out of order',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 3 });
      const sent = [await transfer.send(3), await transfer.send(1), await transfer.send(2)];
      await expectFinished(subject, transfer, sent);
    },
  },
  {
    name: 'multipart: parts in parallel',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 4, tailBytes: 70_000 });
      await expectFinished(
        subject,
        transfer,
        await Promise.all([4, 2, 3, 1].map((number) => transfer.send(number))),
      );
    },
  },
  {
    name: 'multipart: a part sent again replaces the first one',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 2 });
      await transfer.send(1, subject.sample(transfer.sample.size));
      await transfer.send(2, subject.sample(transfer.sample.size));
      const second = await transfer.send(2);
      await expectFinished(subject, transfer, [await transfer.send(1), second]);
    },
  },
  {
    name: 'multipart: one part only',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 1, tailBytes: 12_345 });
      await expectFinished(subject, transfer, [await transfer.send(1)]);
    },
  },
  {
    name: 'multipart: finish twice gives the same answer',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 2 });
      const sent = [await transfer.send(1), await transfer.send(2)];
      const first = await transfer.finish(sent);
      expect(await transfer.finish(sent)).toEqual(first);
      await subject.expectBytes(first.ref, transfer.sample);
      await subject.channel.delete(first.ref, { signal });
    },
  },
  {
    name: 'multipart: a failed part can be sent again',
    needs: 'multipart',
    run: async (subject) => {
      const transfer = await begin(subject, { parts: 1, tailBytes: 200_000 });
      const error = new Error('the caller hung up');
      const half = failAfter(bytesOf(transfer.sample, { start: 0, end: 99_999 }), error);
      const failed = transfer.multipart.part(
        transfer.state,
        1,
        streamBody(half, { size: 200_000 }),
        { signal },
      );
      await expect(within(subject.soonMs, failed)).rejects.toBe(error);
      await expectFinished(subject, transfer, [await transfer.send(1)]);
    },
  },
  {
    name: 'multipart: abort leaves nothing and may be repeated',
    needs: 'multipart',
    run: (subject) =>
      subject.leavesNothing(async () => {
        const transfer = await begin(subject, { parts: 2 });
        const sent = [await transfer.send(1), await transfer.send(2)];
        await transfer.multipart.abort(transfer.state, { signal });
        await transfer.multipart.abort(transfer.state, { signal });
        await expect(transfer.finish(sent)).rejects.toMatchObject({ name: 'StowageError' });
      }),
  },
];
