import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bodyOf,
  bufferOf,
  bytesOf,
  hashSource,
  type Sample,
  sampleHash,
} from '../../../test/conformance/channel/data.ts';
import { channelConformance } from '../../../test/conformance/channel.ts';
import type { ByteSource } from '../../core/bytes.ts';
import type { Channel, Ref } from '../../core/channel.ts';
import { streamBody } from '../../core/streams/body.ts';
import { hashOf } from '../../core/streams/hash.ts';
import { createLocalChannel } from './index.ts';

const signal = new AbortController().signal;
let dataDir: string;
let channel: Channel;
let puts = 0;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stowage-local-'));
  channel = createLocalChannel({}, { dataDir });
});

afterEach(async () => {
  await channel.close?.();
  rmSync(dataDir, { recursive: true });
});

function files(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

function put(source: ByteSource, size?: number, to = channel) {
  const options = { key: `test/${++puts}`, contentType: 'application/octet-stream', signal };
  return to.put(streamBody(source, { size }), options);
}

const putSample = (sample: Sample, to = channel) => put(bytesOf(sample), sample.size, to);

function pathOf(ref: Ref): string {
  return join(dataDir, 'objects/objects', (ref as { path: string }).path);
}

async function readHash(ref: Ref, from = channel): Promise<string> {
  return (await hashSource((await from.get(ref, { signal })).stream)).hash;
}

channelConformance('local', {
  create: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stowage-local-'));
    return {
      channel: createLocalChannel({}, { dataDir: folder }),
      objects: async () => files(join(folder, 'objects')).length,
      destroy: () => rmSync(folder, { recursive: true }),
    };
  },
});

describe('local put', () => {
  it('stores the same bytes however they are cut', async () => {
    const cuts = fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (sizes, isSizeKnown) => {
        const bytes = bufferOf({ seed: 7, size: sizes.reduce((sum, size) => sum + size, 0) });
        const source = (async function* () {
          let at = 0;
          for (const size of sizes) {
            yield bytes.subarray(at, at + size);
            at += size;
          }
        })();
        const { ref, size } = await put(source, isSizeKnown ? bytes.length : undefined);
        expect(size).toBe(bytes.length);
        expect(await readHash(ref)).toBe(hashOf(bytes));
        await channel.delete(ref, { signal });
      }),
      { numRuns: 40 },
    );
  });

  it('stores thousands of one-byte chunks', async () => {
    const sample = { seed: 3, size: 5000 };
    const { ref } = await put(bytesOf(sample, undefined, 1));
    expect(await readHash(ref)).toBe(await sampleHash(sample));
  });

  it('stores 200 bodies at once, in one folder or two', async () => {
    const samples = Array.from({ length: 200 }, (_, seed) => ({
      seed,
      size: 10_000 + (seed % 10) * 40_000,
    }));
    const results = await Promise.all(samples.map((sample) => putSample(sample)));
    expect(new Set(results.map(({ ref }) => pathOf(ref))).size).toBe(200);
    expect(new Set(results.map(({ ref }) => dirname(pathOf(ref)))).size).toBeLessThanOrEqual(2);
    for (const [index, { ref }] of results.entries()) {
      expect(await readHash(ref)).toBe(await sampleHash(samples[index] ?? { seed: 0, size: 0 }));
    }
  });

  it('keeps objects from other users of the machine', async () => {
    const { ref } = await putSample({ seed: 1, size: 10 });
    expect(statSync(pathOf(ref)).mode & 0o077).toBe(0);
  });

  it('never replaces an object: the first one with a key stays', async () => {
    const options = { key: 'twice', contentType: 'image/png', signal };
    const { ref } = await channel.put(bodyOf({ seed: 1, size: 1000 }), options);
    for (const size of [1000, 1_000_000]) {
      await expect(channel.put(bodyOf({ seed: 2, size }), options)).rejects.toMatchObject({
        code: 'channel_refused',
      });
    }
    expect(await readHash(ref)).toBe(await sampleHash({ seed: 1, size: 1000 }));
    await channel.settle?.(ref);
    await expect(channel.put(bodyOf({ seed: 2, size: 1000 }), options)).rejects.toMatchObject({
      code: 'channel_refused',
    });
    expect(await readHash(ref)).toBe(await sampleHash({ seed: 1, size: 1000 }));
    expect(files(join(dataDir, 'objects'))).toEqual(['twice']);
  });

  it.each(['', '..', '.', 'a//b', '/a', 'a/', 'a b', 'a\0b', 'k'.repeat(201), 'é'])(
    'refuses the key %j',
    async (key) => {
      const stored = channel.put(bodyOf({ seed: 1, size: 10 }), {
        key,
        contentType: 'image/png',
        signal,
      });
      await expect(stored).rejects.toMatchObject({ code: 'channel_refused' });
    },
  );

  it('takes a relative path from the data folder', async () => {
    const other = createLocalChannel({ path: 'elsewhere' }, { dataDir });
    await putSample({ seed: 1, size: 10 }, other);
    expect(files(join(dataDir, 'elsewhere/objects'))).toHaveLength(1);
    await other.close?.();
  });
});

describe('local get', () => {
  const foreign = [
    'nonsense',
    null,
    7,
    {},
    { path: 7 },
    { path: '../../etc/passwd' },
    { path: '/etc/passwd' },
  ];
  const crooked = [
    '2026-01-01/00-0/..',
    '2026-01-01/00-0/../../x',
    '2026-01-01/../x',
    '2026-01-01/00-0/a\0',
    '2026-01-01/00-0/a\n',
  ];
  it.each([...foreign, ...crooked.map((path) => ({ path }))])(
    'knows no object by the ref %j',
    async (ref) => {
      await expect(channel.get(ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
      await channel.delete(ref, { signal });
      await channel.settle?.(ref);
    },
  );

  it.each([1000, 1_000_000])(
    'says so when the file of %i bytes has been cut short',
    async (size) => {
      const { ref } = await putSample({ seed: 1, size });
      truncateSync(pathOf(ref), size - 1);
      const range = { start: 10, end: size - 1 };
      await expect(channel.get(ref, { signal, range })).rejects.toMatchObject({
        code: 'channel_unavailable',
      });
    },
  );

  it('says so when the file is cut short while it is read', async () => {
    const { ref } = await putSample({ seed: 1, size: 3_000_000 });
    const { stream } = await channel.get(ref, { signal });
    truncateSync(pathOf(ref), 1_000_000);
    await expect(hashSource(stream)).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('reads on to the end after the object has been deleted', async () => {
    const sample = { seed: 1, size: 3_000_000 };
    const { ref } = await putSample(sample);
    const { stream } = await channel.get(ref, { signal });
    await channel.delete(ref, { signal });
    expect((await hashSource(stream)).hash).toBe(await sampleHash(sample));
  });

  it('reads what a channel before it has written', async () => {
    const { ref } = await putSample({ seed: 5, size: 20_000 });
    const later = createLocalChannel({}, { dataDir });
    expect(await readHash(ref, later)).toBe(await sampleHash({ seed: 5, size: 20_000 }));
    await later.close?.();
  });
});

describe('local channel and symlinks', () => {
  const outside = () => {
    const folder = mkdtempSync(join(dataDir, 'outside-'));
    return folder;
  };
  const swap = (path: string, target: string) => {
    renameSync(path, target);
    symlinkSync(target, path);
  };

  it.each([0, 1, 2])('follows none inside the root (%i levels up)', async (levels) => {
    const { ref } = await putSample({ seed: 1, size: 1000 });
    const path = pathOf(ref);
    const linked = [path, dirname(path), dirname(dirname(path))][levels] ?? '';
    const target = join(outside(), 'moved');
    swap(linked, target);
    expect(readFileSync(path)).toHaveLength(1000);
    for (const reader of [channel, createLocalChannel({}, { dataDir })]) {
      await expect(reader.get(ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
      await reader.delete(ref, { signal });
    }
    expect(files(target.replace(/\/moved$/, ''))).toHaveLength(1);
  });

  it('lets the owner make the root itself a symlink', async () => {
    const real = outside();
    symlinkSync(real, join(dataDir, 'link'));
    const linked = createLocalChannel({ path: 'link' }, { dataDir });
    const { ref } = await putSample({ seed: 1, size: 1000 }, linked);
    expect(await readHash(ref, linked)).toBe(await sampleHash({ seed: 1, size: 1000 }));
    expect(files(join(real, 'objects'))).toHaveLength(1);
    await linked.delete(ref, { signal });
    expect(files(real)).toEqual([]);
    await linked.close?.();
  });

  it('does not wait for a pipe or read a folder in the place of an object', async () => {
    const [pipe, folder] = [
      await putSample({ seed: 1, size: 10 }),
      await putSample({ seed: 1, size: 10 }),
    ];
    rmSync(pathOf(pipe.ref));
    execFileSync('mkfifo', [pathOf(pipe.ref)]);
    rmSync(pathOf(folder.ref));
    mkdirSync(pathOf(folder.ref));
    await expect(channel.get(pipe.ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
    await expect(channel.get(folder.ref, { signal })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('local channel and descriptors', () => {
  it('has as many open afterwards as before, whatever went wrong', async () => {
    const count = () => readdirSync('/proc/self/fd').length;
    const { ref } = await putSample({ seed: 1, size: 3_000_000 });
    const before = count();
    for (let times = 0; times < 10; times++) {
      const controller = new AbortController();
      const [unread, left, aborted] = await Promise.all(
        [1, 2, 3].map(() => channel.get(ref, { signal: controller.signal })),
      );
      for await (const _ of left?.stream ?? []) {
        break;
      }
      const reading = aborted?.stream[Symbol.asyncIterator]();
      await reading?.next();
      const pending = reading?.next();
      controller.abort();
      await pending?.catch(() => {});
      expect(unread?.size).toBe(3_000_000);
      await expect(
        channel.get(ref, { signal, range: { start: 0, end: 3_000_000 } }),
      ).rejects.toThrow();
      const failing = (async function* () {
        yield* bytesOf({ seed: 1, size: 2_000_000 });
        throw new Error('gone');
      })();
      await expect(put(failing)).rejects.toThrow('gone');
    }
    // The last read may still be on its way in the thread pool.
    await expect.poll(count).toBe(before);
  });
});

describe('local check', () => {
  it('tells what the system said', async () => {
    rmSync(join(dataDir, 'objects'), { recursive: true });
    await expect(channel.check({ signal })).rejects.toMatchObject({
      code: 'service_unavailable',
      message: expect.stringContaining('ENOENT'),
    });
    mkdirSync(join(dataDir, 'objects'));
  });
});
