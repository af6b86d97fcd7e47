import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Channel } from '../channel.ts';
import { randomAccess } from './random-access.ts';

const kiB = 1024;

function stored(body: Buffer, start?: Uint8Array) {
  const asked: string[] = [];
  const get: Channel['get'] = async (_ref, { range = { start: 0, end: body.length - 1 } }) => {
    asked.push(`${range.start}-${range.end}`);
    const bytes = body.subarray(range.start, range.end + 1);
    return {
      size: bytes.length,
      stream: (async function* () {
        yield bytes;
      })(),
    };
  };
  const channel = { get, limits: {}, remote: true } as unknown as Channel;
  const segments = [{ ref: null, size: body.length, hash: '' }];
  return {
    asked,
    content: randomAccess({ channel, segments, signal: AbortSignal.timeout(10_000), start }),
  };
}

it('what lies at the start is read once', async () => {
  const body = randomBytes(100 * kiB);
  const { asked, content } = stored(body);
  for (const [from, to] of [
    [0, 8192],
    [0, 16 * kiB],
    [5000, 5001],
    [0, 32 * kiB],
  ] as const) {
    expect(Buffer.from(await content.read(from, to))).toEqual(body.subarray(from, to));
  }
  expect(asked).toEqual([`0-${32 * kiB - 1}`]);
});

it('all else is read as it is asked for', async () => {
  const body = randomBytes(100 * kiB);
  const { asked, content } = stored(body);
  for (const [from, to] of [
    [90 * kiB, 101 * kiB],
    [30 * kiB, 40 * kiB],
    [99 * kiB, 100 * kiB],
  ] as const) {
    expect(Buffer.from(await content.read(from, to))).toEqual(body.subarray(from, to));
  }
  expect(asked).toHaveLength(3);
});

it.each([0, 1, 10_000])('a small file is read whole, once (%i)', async (bytes) => {
  const body = randomBytes(bytes);
  const { asked, content } = stored(body);
  for (const [from, to] of [
    [0, 8192],
    [0, 16 * kiB],
    [bytes - 10, bytes],
    [bytes, bytes + 1],
  ] as const) {
    expect(Buffer.from(await content.read(Math.max(0, from), to))).toEqual(
      body.subarray(Math.max(0, from), to),
    );
  }
  expect(asked).toHaveLength(Math.min(1, bytes));
});

it('what the store sent along is not read again', async () => {
  const body = randomBytes(100 * kiB);
  const { asked, content } = stored(body, body.subarray(0, 20 * kiB));
  expect(Buffer.from(await content.read(0, 16 * kiB))).toEqual(body.subarray(0, 16 * kiB));
  expect(asked).toEqual([]);
  expect(Buffer.from(await content.read(10 * kiB, 21 * kiB))).toEqual(
    body.subarray(10 * kiB, 21 * kiB),
  );
  expect(asked).toHaveLength(1);
});
