import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSmallWorld,
  type Node,
  never,
  once,
  type WatchedChannel,
  type World,
} from '../../../test/core-world.ts';
import { createProber } from '../../images/prober.ts';
import { fail } from '../errors.ts';
import { type BasicUpload, BasicUploads, type IncomingFile } from './basic-upload.ts';

let channel: WatchedChannel;
let world: World;
let node: Node;
let uploads: BasicUploads;
/** Files that the library takes before it refuses one. */
let room: number;

beforeEach(async () => {
  ({ channel, world, node } = await createSmallWorld());
  room = Number.POSITIVE_INFINITY;
  const files = {
    ...node.files,
    async add(input: Parameters<Node['files']['add']>[0]) {
      if (--room < 0) {
        throw fail('conflict');
      }
      return node.files.add(input);
    },
  };
  const { intake, pool } = node;
  uploads = new BasicUploads({ intake, pool, files, prober: createProber(), maxUploadBytes: 10 });
});
afterEach(() => world.stop());

const file = (filename: string, text = filename): IncomingFile => ({
  filename,
  contentType: 'text/plain',
  choice: { fallback: true },
  mayRecompress: true,
  body: once(Buffer.from(text)),
});

async function* each(
  incoming: readonly IncomingFile[],
  end?: () => void,
): AsyncGenerator<IncomingFile> {
  yield* incoming;
  end?.();
}

const store = (
  files: AsyncIterable<IncomingFile>,
  naming: BasicUpload['naming'] = () => ({ nameMode: 'origin' }),
) => uploads.store({ files, naming, caller: world.caller, ip: '192.0.2.1', signal: never });

async function leftBehind(): Promise<unknown> {
  await node.jobs.drain();
  const { total } = await node.files.list({ limit: 10, offset: 0 });
  return { objects: channel.refs.size, files: total };
}
const nothing = { objects: 0, files: 0 };

describe('a basic upload', () => {
  it('names its files in order, by what is known at the end', async () => {
    let folder = '';
    const files = each([file('a.txt'), file('b.txt')], () => {
      folder = 'late';
    });
    const stored = await store(files, (bytes) => {
      expect(bytes.map(({ size }) => size)).toEqual([5, 5]);
      return { folder, nameMode: 'origin' };
    });
    expect(stored.map(({ file: { path } }) => path)).toEqual(['late/a.txt', 'late/b.txt']);
  });

  it('keeps nothing when the request breaks off behind a file', async () => {
    const broken = each([file('a.txt')], () => {
      throw fail('incomplete_body');
    });
    await expect(store(broken)).rejects.toMatchObject({ code: 'incomplete_body' });
    expect(await leftBehind()).toEqual(nothing);
  });

  it('keeps nothing when what comes behind the files refuses them', async () => {
    const refuse = () => {
      throw fail('bad_request');
    };
    const files = each([file('a.txt'), file('b.txt')]);
    await expect(store(files, refuse)).rejects.toMatchObject({ code: 'bad_request' });
    expect(await leftBehind()).toEqual(nothing);
  });

  it('keeps nothing when one file is too large', async () => {
    const files = each([file('a.txt'), file('b.txt', 'x'.repeat(11))]);
    await expect(store(files)).rejects.toMatchObject({ code: 'too_large' });
    expect(await leftBehind()).toEqual(nothing);
  });

  it('keeps nothing when one file cannot be named', async () => {
    room = 1;
    await expect(store(each(['a', 'b', 'c'].map((name) => file(name))))).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await leftBehind()).toEqual(nothing);
  });
});
