import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashSource, type Sample, sampleHash } from '../../../test/conformance/channel/data.ts';
import type { Channel, Ref } from '../../core/channel.ts';
import { createLocalChannel } from './index.ts';

interface Line {
  readonly begun?: string;
  readonly put?: string;
  readonly settled?: string;
  readonly waiting?: boolean;
  readonly done?: boolean;
  readonly ref: Ref;
  readonly sample: Sample;
}

const signal = new AbortController().signal;
const child = fileURLToPath(
  new URL('../../../test/fixtures/local-channel/child.ts', import.meta.url),
);
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stowage-crash-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function start(mode: string): { process: ChildProcess; lines: AsyncIterable<Line> } {
  const started = spawn(process.execPath, [child, dataDir, mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { process: started, lines: parse(createInterface({ input: started.stdout })) };
}

async function* parse(lines: AsyncIterable<string>): AsyncIterable<Line> {
  for await (const line of lines) {
    // The last line of a killed process may be cut off.
    if (line.endsWith('}')) {
      yield JSON.parse(line) as Line;
    }
  }
}

/** Runs the child until it has said `count` lines, kills it and answers all that it said. */
async function killAfter(count: number): Promise<Line[]> {
  const { process: started, lines } = start('hurry');
  const said: Line[] = [];
  const exited = once(started, 'exit');
  for await (const line of lines) {
    said.push(line);
    if (said.length === count) {
      started.kill('SIGKILL');
    }
  }
  await exited;
  return said;
}

function files(folder: string): string[] {
  const entries = readdirSync(join(dataDir, 'objects', folder), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function expectBytes(channel: Channel, { ref, sample }: Line): Promise<void> {
  const { stream } = await channel.get(ref, { signal });
  expect((await hashSource(stream)).hash).toBe(await sampleHash(sample));
}

describe('local channel after kill -9', () => {
  it.each([3, 25, 100])(
    'has every confirmed object and reports every other one (killed after %i steps)',
    async (count) => {
      const said = await killAfter(count);
      const channel = createLocalChannel({}, { dataDir });
      const settled = said.filter((line) => line.settled !== undefined);
      const left = await Array.fromAsync(channel.unsettled?.() ?? []);
      const leftKeys = new Set(left.map(({ key }) => key));

      for (const line of said.filter(({ put }) => put !== undefined)) {
        await expectBytes(channel, line);
      }
      for (const line of settled) {
        expect(leftKeys.has(line.settled ?? '')).toBe(false);
      }
      await Promise.all(left.map(({ ref }) => channel.delete(ref, { signal })));

      const kept = files('objects').map((name) => name.replaceAll('~', '/'));
      const settledKeys = settled.map((line) => line.settled ?? '');
      expect(kept).toEqual(expect.arrayContaining(settledKeys));
      // A settle may have happened without having been told; six workers ran.
      expect(kept.length - settledKeys.length).toBeLessThanOrEqual(6);
      expect(files('tmp')).toEqual([]);
      expect(await Array.fromAsync(channel.unsettled?.() ?? [])).toEqual([]);
      await channel.close?.();
      expect(readdirSync(join(dataDir, 'objects/tmp'))).toEqual([]);
    },
  );

  it('settles what another process has left', async () => {
    const said = await killAfter(40);
    const channel = createLocalChannel({}, { dataDir });
    const left = await Array.fromAsync(channel.unsettled?.() ?? []);
    expect(left.length).toBeGreaterThan(0);
    await Promise.all(left.map(({ ref }) => channel.settle?.(ref)));
    expect(await Array.fromAsync(channel.unsettled?.() ?? [])).toEqual([]);
    for (const line of said.filter(({ put }) => put !== undefined)) {
      await expectBytes(channel, line);
    }
    await channel.close?.();
  });

  it('leaves the work of another live process alone', async () => {
    const { process: started, lines } = start('wait');
    const channel = createLocalChannel({}, { dataDir });
    const seen: Line[] = [];
    for await (const line of lines) {
      seen.push(line);
      if (line.waiting) {
        expect(await Array.fromAsync(channel.unsettled?.() ?? [])).toEqual([]);
        started.stdin?.write('go\n');
      }
    }
    expect(seen.at(-1)?.done).toBe(true);
    await expectBytes(channel, {
      ref: seen.at(-1)?.ref ?? null,
      sample: { seed: 2, size: 3_000_001 },
    });
    const left = await Array.fromAsync(channel.unsettled?.() ?? []);
    expect(left.map(({ key }) => key).sort()).toEqual(['waiting/open', 'waiting/published']);
    await channel.close?.();
  });
});

describe('local channel without descriptors', () => {
  it('says service_unavailable, leaves nothing and recovers by itself', async () => {
    const limited = `ulimit -n 64; exec "$0" "$@"`;
    const started = spawn('sh', ['-c', limited, process.execPath, child, dataDir, 'starve'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await Array.fromAsync(parse(createInterface({ input: started.stdout })));
    const unavailable = 'service_unavailable';
    expect(said).toEqual({
      small: unavailable,
      large: unavailable,
      get: unavailable,
      check: unavailable,
      afterwards: 'ok',
    });
    expect(files('objects').sort()).toEqual(['before', 'small']);
  });
});
