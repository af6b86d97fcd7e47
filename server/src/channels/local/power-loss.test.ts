import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashSource, type Sample, sampleHash } from '../../../test/conformance/channel/data.ts';
import type { Ref } from '../../core/channel.ts';
import { createLocalChannel } from './index.ts';

/*
 * What the disk itself holds at a moment, without the page cache: a file system in an image file is written to by a process, then
 * the image is copied and the copy is mounted, as after pulling the plug. Without fsync of file and folder, acknowledged objects are missing.
 */

interface Line {
  readonly put?: string;
  readonly ref: Ref;
  readonly sample: Sample;
}

const signal = new AbortController().signal;
const child = fileURLToPath(
  new URL('../../../test/fixtures/local-channel/child.ts', import.meta.url),
);
let work: string;
let mounted: string[];

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'stowage-plug-'));
  mounted = [];
});

afterEach(() => {
  for (const folder of mounted) {
    execFileSync('umount', ['-l', folder]);
  }
  rmSync(work, { recursive: true });
});

function mount(image: string): string {
  const folder = `${image}.mnt`;
  mkdirSync(folder);
  // Without a request the journal is not written during the test.
  execFileSync('mount', ['-o', 'loop,commit=300', image, folder], { stdio: 'ignore' });
  mounted.push(folder);
  return folder;
}

function makeImage(): string | undefined {
  const image = join(work, 'disk');
  writeFileSync(image, '');
  truncateSync(image, 192 * 1024 * 1024);
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'ignore' });
    return mount(image);
  } catch {
    return undefined;
  }
}

async function putUntil(dataDir: string, count: number): Promise<Line[]> {
  const started = spawn(process.execPath, [child, dataDir, 'hurry'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(started, 'exit');
  const said: Line[] = [];
  for await (const line of createInterface({ input: started.stdout })) {
    if (line.startsWith('{"put"') && line.endsWith('}') && said.push(JSON.parse(line)) === count) {
      started.kill('SIGKILL');
    }
  }
  await exited;
  return said;
}

describe('local channel after power loss', () => {
  it('has every object that put has acknowledged, and lists every one that was not settled', async (context) => {
    const disk = makeImage();
    if (disk === undefined) {
      return context.skip('needs the right to mount an image file, and mkfs.ext4');
    }
    const said = await putUntil(disk, 40);
    copyFileSync(join(work, 'disk'), join(work, 'copy'));
    const found = mount(join(work, 'copy'));

    const channel = createLocalChannel({}, { dataDir: found });
    for (const { ref, sample } of said) {
      const { stream } = await channel.get(ref, { signal });
      expect((await hashSource(stream)).hash).toBe(await sampleHash(sample));
    }
    for await (const { ref } of channel.unsettled?.() ?? []) {
      await channel.delete(ref, { signal });
    }
    await channel.close?.();
    expect(readdirSync(join(found, 'objects/tmp'))).toEqual([]);
  });
});
