import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newFile } from '../../../test/conformance/metadata/fixtures.ts';
import type { Channel } from '../../core/channel.ts';
import type { MetadataStore } from '../../core/metadata.ts';
import { rowRef } from '../../core/small-objects.ts';
import { readAll } from '../../core/streams/peek.ts';
import { openMetadata } from '../../metadata/index.ts';
import { createLocalChannel } from './index.ts';

const signal = new AbortController().signal;
const bytes = Buffer.from('0123456789');
let dataDir: string;
let metadata: MetadataStore;
let channel: Channel;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'stowage-rows-'));
  metadata = await openMetadata({ dataDir, durability: 'full' });
  await metadata.migrate();
  channel = create();
});

afterEach(async () => {
  await channel.close?.();
  await metadata.close();
  rmSync(dataDir, { recursive: true });
});

function create(settings: Parameters<typeof createLocalChannel>[0] = {}, maxBytes = 100): Channel {
  const { smallObjects } = metadata;
  return createLocalChannel(settings, { dataDir, smallObjects, smallObjectBytes: maxBytes });
}

async function addRow(): Promise<string> {
  const input = newFile({ row: bytes });
  await metadata.files.add(input);
  return input.blob.id;
}

describe('small objects of a local channel', () => {
  it('are read whole and in ranges, also when new ones become files', async () => {
    const ref = rowRef(await addRow());
    for (const each of [channel, create({}, 0)]) {
      const whole = await each.get(ref, { signal });
      expect(whole.size).toBe(10);
      expect(await readAll(whole.stream)).toEqual(bytes);
      const part = await each.get(ref, { range: { start: 2, end: 4 }, signal });
      expect(part.size).toBe(3);
      expect(String(await readAll(part.stream))).toBe('234');
      expect(await each.size?.(ref)).toBe(10);
    }
  });

  it('are gone once deleted, and were never there under another name', async () => {
    const ref = rowRef(await addRow());
    await channel.delete(ref, { signal });
    await channel.delete(ref, { signal });
    for (const gone of [ref, rowRef('unknown'), rowRef('')]) {
      await expect(channel.get(gone, { signal })).rejects.toMatchObject({ code: 'not_found' });
      await expect(channel.size?.(gone)).rejects.toMatchObject({ code: 'not_found' });
    }
    await channel.settle?.(ref);
  });

  it('are for a disk with the database, and only where the owner wants them', () => {
    expect(channel.rows?.maxBytes).toBe(100);
    expect(create({}, 0).rows).toBeUndefined();
    expect(createLocalChannel({}, { dataDir, smallObjectBytes: 100 }).rows).toBeUndefined();
    expect(create({ path: mkdtempSync('/dev/shm/stowage-rows-') }).rows).toBeUndefined();
  });

  it('leave free what uploads must leave free', async () => {
    await channel.rows?.requireRoom(10);
    await expect(create({ reserveBytes: 2 ** 50 }).rows?.requireRoom(10)).rejects.toMatchObject({
      code: 'disk_full',
    });
  });
});
