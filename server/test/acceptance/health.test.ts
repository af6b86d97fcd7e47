import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type Stowage, startStowage } from './harness.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;
let server: Stowage;
beforeAll(async () => {
  server = await startStowage({ env: { HOST: '0.0.0.0' } });
});
afterAll(() => server.stop());

async function health(env: Readonly<Record<string, string>>, cwd = server.dataDir) {
  const options = { cwd, env: { PATH: process.env.PATH ?? '', ...env } };
  const ran = promisify(execFile)(process.execPath, [launcher, 'health'], options);
  return ran.then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stderr: string }) => ({ code: error.code, text: error.stderr }),
  );
}

describe('stowage health', () => {
  it('finds the server by every way of setting host and port', async () => {
    const { port } = new URL(server.url);
    const file = join(server.dataDir, 'health.json');
    await writeFile(file, JSON.stringify({ port: Number(port), host: '0.0.0.0' }));
    for (const env of [
      { PORT: port },
      { STOWAGE_PORT: port },
      { PORT: '1', STOWAGE_PORT: port },
      { HOST: '0.0.0.0', PORT: port },
      { STOWAGE_HOST: '::ffff:127.0.0.1', PORT: port },
      { STOWAGE_CONFIG: file },
    ]) {
      expect(await health(env), JSON.stringify(env)).toMatchObject({ code: 0 });
    }
  });

  it('fails with a sentence when the server is not there, is ill or hangs', async () => {
    const nothing = await freePort();
    expect(await health({ PORT: String(nothing) })).toEqual({
      code: 1,
      text: `http://127.0.0.1:${nothing}/healthz cannot be reached: connect ECONNREFUSED 127.0.0.1:${nothing}\n`,
    });
    expect(await health({ PORT: '0' })).toMatchObject({
      code: 1,
      text: expect.stringContaining('PORT is 0'),
    });
    expect(await answering((_, response) => response.writeHead(503).end())).toMatchObject({
      code: 1,
      text: expect.stringMatching(/returned 503\.\n$/),
    });
    expect(await answering(() => {})).toMatchObject({
      code: 1,
      text: expect.stringMatching(/did not answer within 4 s\.\n$/),
    });
  });

  it('an address to open is said beside the one that is listened on', () => {
    const { port } = new URL(server.url);
    expect(server.log).toContain(`Stowage is ready at http://0.0.0.0:${port}`);
    expect(server.log).toContain(`Open http://127.0.0.1:${port}`);
  });
});

/** What it says of a server that answers like this. */
async function answering(listener: RequestListener) {
  const other = createServer(listener);
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const { code, text } = await health({ PORT: String((other.address() as AddressInfo).port) });
    return { code, text };
  } finally {
    other.closeAllConnections();
    other.close();
  }
}
