import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCell } from './cell.ts';
import type { Disk } from './disk.ts';
import { freePort, isInstalled, isOpen, startServer } from './processes.ts';
import { makeSamples, type Samples } from './samples.ts';
import { scenarios } from './scenarios/index.ts';
import type { SubjectKind } from './subject.ts';

const program = `
require('node:http').createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url === '/full') {
      console.error('the disk is full');
      response.statusCode = 507;
    }
    response.end('{"stored":' + (request.url !== '/full') + '}');
  });
}).listen(Number(process.argv[1]), '127.0.0.1');`;

/** A server that keeps nothing. */
const sink = (path: string): SubjectKind => ({
  id: 'sink',
  name: 'sink',
  obstacle: () => undefined,
  async start({ folder: cwd }) {
    const port = await freePort();
    const { pid, log, stop } = await startServer({
      command: process.execPath,
      args: ['-e', program, String(port)],
      cwd,
      isUp: () => isOpen(port),
    });
    const url = `http://127.0.0.1:${port}${path}`;
    return { name: 'sink', pid, log, stop, rawUpload: async (file) => ['-T', file, url] };
  },
});

describe.skipIf(process.platform !== 'linux' || !isInstalled('curl'))('one measurement', () => {
  let folder = '';
  let samples: Samples;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-cell-'));
    samples = await makeSamples(0.001);
  });
  afterAll(async () => {
    await samples.remove();
    await rm(folder, { recursive: true });
  });

  function run(id: string, kind: SubjectKind) {
    const scenario = scenarios.find((one) => one.id === id);
    if (scenario === undefined) {
      throw new Error(`There is no scenario ${id}`);
    }
    const disk: Disk = {
      kind: 'a folder',
      fresh: async () => folder,
      clear: async () => {},
      remove: async () => {},
    };
    const context = { samples, seconds: 1, warmUp: 500, once: 500 };
    return runCell({ scenario, kind, round: 0 }, { disk, context, quietLimitMs: 0 });
  }

  it('counts what went through, and what it took', async () => {
    const result = await run('raw50', sink('/'));
    expect(result).toMatchObject({ scenario: 'raw50', subject: 'sink', bytes: 50 * 104_858 });
    expect(result).toHaveProperty('peakBytes', expect.any(Number));
  });

  it('returns the answer and the last lines of a server that refuses', async () => {
    expect(await run('raw', sink('/full'))).toEqual({
      scenario: 'raw',
      subject: 'sink',
      round: 0,
      reason: 'status 507: {"stored":false}',
      log: ['the disk is full'],
    });
  });

  it('returns why a server does not start', async () => {
    const broken: SubjectKind = {
      ...sink('/'),
      start: ({ folder: cwd }) =>
        startServer({
          command: process.execPath,
          args: ['-e', 'throw "no port"'],
          cwd,
          isUp: async () => false,
        }).then(() => Promise.reject(new Error('it started'))),
    };
    const result = await run('raw', broken);
    expect(result).toHaveProperty('reason', expect.stringMatching(/ended at its start.*no port/s));
  });

  it('is none where the server cannot do it', async () => {
    expect(await run('form', sink('/'))).toBeUndefined();
  });
});
