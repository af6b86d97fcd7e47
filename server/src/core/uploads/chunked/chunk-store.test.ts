import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSmallWorld,
  type Node,
  never,
  once,
  type WatchedChannel,
  type World,
} from '../../../../test/core-world.ts';
import { hourMs } from '../../clock.ts';
import { createDigestService } from '../../streams/digests.ts';
import { createSpool, type Spool } from '../../streams/spool.ts';
import { createOpenUploads } from '../open-uploads.ts';
import { ChunkedUploads } from './chunked-uploads.ts';
import { KeptChunks } from './kept-chunks.ts';

// Larger than what a spool keeps in memory.
const chunkBytes = 600_000;

let channel: WatchedChannel;
let world: World;
let node: Node;
let spool: Spool | undefined;

beforeEach(async () => {
  ({ channel, world, node } = await createSmallWorld());
});
afterEach(async () => {
  await spool?.dispose();
  await world.stop();
});

/** A node that cannot spool anything: its folder is a file. */
async function chunkedUploads(maxUploadBytes = 10 * chunkBytes): Promise<ChunkedUploads> {
  const spoolFolder = join(world.dataDir, 'not-a-folder');
  await writeFile(spoolFolder, '');
  const { metadata, access } = node;
  return new ChunkedUploads({
    ...node,
    openUploads: createOpenUploads({ uploads: metadata.uploads, access, max: 10 }),
    spoolFolder,
    digests: createDigestService(),
    kept: new KeptChunks({ folder: join(world.dataDir, 'kept'), maxBytes: 0 }),
    now: world.now,
    maxChunks: 10,
    maxUploadBytes,
    ttlMs: hourMs,
  });
}

async function spooled(): Promise<Spool> {
  spool = createSpool(once(Buffer.alloc(chunkBytes, 'x')), join(world.dataDir, 'spool'));
  await spool.ended;
  return spool;
}

async function putAndMerge(chunked: ChunkedUploads, body: Spool): Promise<Buffer> {
  const step = { filename: 'a.txt', totalChunks: 1 };
  const wanted = { ...step, contentType: 'text/plain', choice: { fallback: true }, ip: null };
  const { id: uploadId } = await chunked.init(wanted, world.caller);
  await chunked.put({ ...step, uploadId, index: 0, body, signal: never }, world.caller);
  const { stored } = await chunked.merge({ ...step, uploadId }, world.caller);
  return world.read(node, stored);
}

describe('a chunk in a spool', () => {
  it.each([true, false])('is stored without another copy (remote: %s)', async (remote) => {
    Object.assign(channel, { remote, limits: { segment: { min: 1, best: 1e6, max: 1e6 } } });
    const content = await putAndMerge(await chunkedUploads(), await spooled());
    expect(content).toHaveLength(chunkBytes);
  });

  it.each([true, false])('is refused when there is no room for it (remote: %s)', async (remote) => {
    Object.assign(channel, { remote, limits: { segment: { min: 1, best: 1e6, max: 1e6 } } });
    const stored = putAndMerge(await chunkedUploads(chunkBytes - 1), await spooled());
    await expect(stored).rejects.toMatchObject({ code: 'too_large' });
    expect(channel.refs.size).toBe(0);
  });
});
