import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { GetResult } from '../../core/channel.ts';
import type { StoredFile } from '../../core/metadata.ts';
import { fromMemory, HotFiles, maxHotBytes } from './hot-files.ts';

const mebibyte = 2 ** 20;

function world(maxBytes = mebibyte) {
  const database = { version: 1 };
  const hot = new HotFiles(maxBytes, () => database.version);
  const keep = async (link: string, bytes: Buffer, version = hot.version()) => {
    const content = { size: bytes.length, etag: '"e"', lastModifiedAt: 0, headers: {} };
    const opened = hot.keep({ link, stored: fileAt(link), version, content }, inPieces(bytes));
    return { sent: () => buffer(opened.stream) };
  };
  const read = async (link: string, bytes = Buffer.from(link)) => (await keep(link, bytes)).sent();
  return { database, hot, keep, read };
}

function fileAt(path: string, state: 'ok' | 'damaged' = 'ok'): StoredFile {
  return {
    file: { path },
    replicas: [{ blobId: 'b', channelId: 'c', segments: [], state }],
  } as unknown as StoredFile;
}

function inPieces(bytes: Buffer): GetResult {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 1000) {
      yield bytes.subarray(at, at + 1000);
    }
  }
  return { size: bytes.length, stream: pieces() };
}

it('has what was read to the end', async () => {
  const { hot, read } = world();
  const bytes = Buffer.alloc(2500, 'x');
  expect(hot.get('a')).toBeUndefined();
  expect(await read('a', bytes)).toEqual(bytes);
  expect(hot.get('a')?.bytes).toEqual(bytes);
  expect(hot.get('b')).toBeUndefined();
});

it('has nothing of a file whose reader left', async () => {
  const { hot, keep } = world();
  const content = { size: 2500, etag: '"e"', lastModifiedAt: 0, headers: {} };
  const link = 'a';
  const opened = hot.keep(
    { link, stored: fileAt(link), version: hot.version(), content },
    inPieces(Buffer.alloc(2500)),
  );
  for await (const _ of opened.stream) {
    break;
  }
  expect(hot.get('a')).toBeUndefined();
  await keep('a', Buffer.from('never read'));
  expect(hot.get('a')).toBeUndefined();
});

it('asks the database again once something has changed', async () => {
  const { database, hot, read } = world();
  await read('a');
  database.version++;
  expect(hot.get('a')).toBeUndefined();
  expect(hot.renew('a', fileAt('a'), hot.version())).toEqual(Buffer.from('a'));
  expect(hot.get('a')?.bytes).toEqual(Buffer.from('a'));
});

it('forgets a file whose row has changed', async () => {
  const { database, hot, read } = world();
  await read('a');
  database.version++;
  expect(hot.renew('a', fileAt('a', 'damaged'), hot.version())).toBeUndefined();
  expect(hot.renew('a', fileAt('a'), hot.version())).toBeUndefined();
  expect(hot.get('a')).toBeUndefined();
});

it('does not keep what was read while something changed', async () => {
  const { database, hot, keep } = world();
  const { sent } = await keep('a', Buffer.from('a'));
  database.version++;
  await sent();
  expect(hot.get('a')).toBeUndefined();
  expect(hot.renew('a', fileAt('a'), hot.version())).toBeUndefined();
});

it('takes a row that was read before a change for old', async () => {
  const { database, hot, read } = world();
  await read('a');
  const before = hot.version();
  database.version++;
  hot.renew('a', fileAt('a'), before);
  expect(hot.get('a')).toBeUndefined();
});

it('knows nothing while the database does not respond', async () => {
  const { database, hot, read } = world();
  await read('a');
  database.version = Number.NaN;
  expect(hot.get('a')).toBeUndefined();
  await read('b');
  expect(hot.get('b')).toBeUndefined();
});

it('drops the files that were not read for the longest time', async () => {
  const { hot, read } = world(40_000);
  for (const link of ['a', 'b', 'c']) {
    await read(link, Buffer.alloc(10_000));
  }
  expect(hot.get('a')).toBeDefined();
  await read('d', Buffer.alloc(10_000));
  expect(['a', 'b', 'c', 'd'].filter((link) => hot.get(link) !== undefined)).toEqual([
    'a',
    'c',
    'd',
  ]);
});

it('counts a file once, however often it is read', async () => {
  const { hot, read } = world(40_000);
  for (let round = 0; round < 10; round++) {
    await read('a', Buffer.alloc(10_000));
  }
  await read('b', Buffer.alloc(10_000));
  expect(hot.get('a')).toBeDefined();
});

it.each([
  [mebibyte, maxHotBytes, true],
  [mebibyte, maxHotBytes + 1, false],
  [0, 1, false],
  [10_000, 9_000, false],
])('with %i bytes of memory, a file of %i bytes is kept: %s', async (maxBytes, size, isKept) => {
  const { hot, read } = world(maxBytes);
  await read('a', Buffer.alloc(size));
  expect(hot.get('a') !== undefined).toBe(isKept);
});

it('cuts a range', async () => {
  const { size, stream } = fromMemory(Buffer.from('0123456789'), { start: 2, end: 4 });
  expect([size, (await buffer(stream)).toString()]).toEqual([3, '234']);
});
