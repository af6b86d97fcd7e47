import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzz, fuzzKinds } from '../fuzz/run.ts';
import { type Stowage, startStowage } from './harness.ts';

// A failure names the seed of its case: STOWAGE_FUZZ_SEED=... repeats it as the first one.
const seed = Number(process.env.STOWAGE_FUZZ_SEED ?? randomInt(2 ** 31));
const cases = 250;

it.each([
  ['says that it is its own fault', 500, 'oops', /500: oops/],
  ['keeps other bytes than it was sent', 200, '[{"src":"/file/x"}]', /Stored .* read/],
])(
  'a server that %s is found out, with the seed that shows it',
  async (_, status, body, message) => {
    const server = createServer((request, response) => {
      response.statusCode = status;
      request.resume().once('end', () => response.end(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const run = fuzz({ url, adminToken: 'x' }, 'names', { seed: 7, until: (done) => done >= 20 });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(/^names with seed \d+: /);
    server.close();
    server.closeAllConnections();
  },
);

describe(`requests in many variations (seed ${seed})`, () => {
  let server: Stowage;
  beforeAll(async () => {
    server = await startStowage({ env: { STOWAGE_MEDIA_MAX_OPEN_UPLOADS: '100000' } });
  });
  afterAll(() => server?.stop());

  it.each(fuzzKinds)(
    '%s: never an error of ours, and what is acknowledged reads back',
    { timeout: 120_000 },
    async (kind) => {
      const pid = server.pid;
      expect(
        await fuzz(server, kind, { seed, until: (done) => done >= cases }),
      ).toBeGreaterThanOrEqual(cases);
      expect(server.pid).toBe(pid);
      expect(server.log.filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
    },
  );
});
