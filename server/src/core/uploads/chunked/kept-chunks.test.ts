import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashOf } from '../../streams/hash.ts';
import { readAll } from '../../streams/peek.ts';
import { KeptChunks, openKept } from './kept-chunks.ts';

describe('KeptChunks', () => {
  let folder: string;
  let kept: KeptChunks;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'stowage-kept-')), 'kept');
    kept = open();
  });
  afterEach(() => rm(join(folder, '..'), { recursive: true }));

  const open = (maxBytes = 10) => new KeptChunks({ folder, maxBytes });
  const keep = (id: string, index: number, text: string, store = kept) =>
    store.keep(id, index, { size: Buffer.byteLength(text), source: source(text) });
  const texts = async (id: string, store = kept) =>
    Promise.all(
      (await store.list(id)).map(async (chunk) => [
        chunk.index,
        String(await readAll(openKept(chunk))),
      ]),
    );

  async function* source(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text.slice(0, 1));
    yield Buffer.from(text.slice(1));
  }

  it('keeps, lists in order, replaces and drops', async () => {
    expect(await kept.list('a')).toEqual([]);
    await keep('a', 10, 'xy');
    await keep('a', 9, 'z');
    await keep('b', 0, 'q');
    expect(await texts('a')).toEqual([
      [9, 'z'],
      [10, 'xy'],
    ]);
    await keep('a', 9, 'zz');
    expect(await kept.list('a')).toMatchObject([
      { index: 9, size: 2, hash: hashOf(Buffer.from('zz')) },
      { index: 10 },
    ]);
    await kept.drop('a', 9);
    expect(await texts('a')).toEqual([[10, 'xy']]);
  });

  it('a copy that is gone by the time it is read fails its reader, and nothing else', async () => {
    await keep('a', 0, 'x');
    const [chunk] = await kept.list('a');
    if (chunk === undefined) {
      throw new Error('nothing is kept');
    }
    const [unread, late] = [openKept(chunk), openKept(chunk)];
    await kept.dropUpload('a');
    await expect(readAll(late)).rejects.toMatchObject({ code: 'ENOENT' });
    await unread.return(undefined);
  });

  it('has one budget for all uploads, which what goes gives back and a restart counts', async () => {
    expect(await keep('a', 0, '123456')).toBe(true);
    expect(await keep('b', 0, '12345')).toBe(false);
    expect(await keep('b', 0, '1234')).toBe(true);
    const restarted = open();
    expect(await keep('c', 0, '1', restarted)).toBe(false);
    await restarted.dropUpload('b');
    expect(await keep('c', 0, '1234', restarted)).toBe(true);
    expect(await keep('c', 1, '1', restarted)).toBe(false);
    expect(await keep('d', 0, '1', open(0))).toBe(false);
  });

  it('a source that fails leaves nothing and takes nothing of the budget', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('1234');
      throw new Error('gone');
    }
    expect(await kept.keep('a', 0, { size: 10, source: failing() })).toBe(false);
    expect(await readdir(join(folder, 'a'))).toEqual([]);
    expect(await keep('a', 0, '1234567890')).toBe(true);
  });

  it('sweeps uploads that have ended, drafts of a crash included', async () => {
    await keep('a', 0, '1');
    await keep('b', 0, '2');
    await kept.sweep(async (id) => id === 'a');
    expect(await readdir(folder)).toEqual(['a']);
  });
});
