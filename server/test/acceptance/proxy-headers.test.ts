import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage({ env: { STOWAGE_AUTH_CODE: 'short' } });
});
afterAll(() => stowage?.stop());

/** As an nginx asks that has only `proxy_pass`. */
async function askAsBareNginx(url: string): Promise<void> {
  const { host, hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.resume().write(`GET /healthz HTTP/1.0\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  await once(socket, 'close');
}

/** The lines of a diagnosis on the same data folder, without the server. */
function doctor(env: Record<string, string> = {}): Promise<readonly string[]> {
  const settings = { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: stowage.dataDir, ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, 'doctor'], { env: settings }, (_, stdout) =>
      resolve(stdout.split('\n')),
    );
  });
}

it('that do not count are said once, in the log and by doctor', async () => {
  const warnings = () => stowage.log.filter((line) => line.includes('STOWAGE_TRUST_PROXY'));
  await stowage.fetch('/healthz');
  expect(warnings()).toEqual([]);
  for (const _ of ['once', 'again']) {
    await askAsBareNginx(stowage.url);
  }
  await expect.poll(warnings).toEqual([expect.stringMatching(/HTTP\/1\.0 and names no caller/)]);
  for (const header of ['x-forwarded-for', 'x-real-ip', 'x-forwarded-for']) {
    await stowage.fetch('/healthz', { headers: { [header]: '203.0.113.1' } });
  }
  await expect.poll(warnings).toHaveLength(2);
  expect(JSON.parse(warnings()[1] ?? '')).toMatchObject({
    header: 'x-forwarded-for',
    peer: '127.0.0.1',
    setting: 'STOWAGE_TRUST_PROXY',
    msg: expect.stringContaining('STOWAGE_TRUST_PROXY=127.0.0.1'),
  });
  expect(stowage.log.some((line) => line.includes('STOWAGE_AUTH_CODE has fewer than 12'))).toBe(
    true,
  );

  await stowage.terminate();
  const said = async (env: Record<string, string>) =>
    (await doctor(env))
      .filter((line) => /reverse proxy|upload code/.test(line))
      .map((line) => line.trim());
  expect(await said({})).toEqual([
    expect.stringMatching(/^ok +reverse proxy: none is trusted/),
    expect.stringMatching(
      /^note reverse proxy: seen at .* 127\.0\.0\.1 brought the header x-forwarded-for/,
    ),
  ]);
  expect(await said({ STOWAGE_TRUST_PROXY: 'loopback', STOWAGE_AUTH_CODE: 'short' })).toEqual([
    expect.stringMatching(/^note upload code: .*fewer than 12/),
    expect.stringMatching(/^ok +reverse proxy: loopback may name the caller$/),
  ]);
  expect(await said({ HOST: '0.0.0.0', STOWAGE_AUTH_CODE: 'short' })).toContainEqual(
    expect.stringMatching(/^FAIL upload code: .*12/),
  );
  expect(await said({ STOWAGE_TRUST_PROXY: 'true' })).toEqual([
    expect.stringMatching(/^note reverse proxy: every header is believed/),
  ]);
});

it('that contradict each other are said, too', async () => {
  const other = await startStowage({ env: { STOWAGE_TRUST_PROXY: '1' } });
  try {
    await other.fetch('/healthz', {
      headers: { 'x-forwarded-for': '203.0.113.1', 'x-real-ip': '203.0.113.1' },
    });
    await other.fetch('/healthz', {
      headers: { 'x-forwarded-for': '203.0.113.1', 'x-real-ip': '203.0.113.2' },
    });
    const warnings = () => other.log.filter((line) => line.includes('"setting"'));
    await expect.poll(warnings).toEqual([expect.stringContaining('name two callers')]);
  } finally {
    await other.stop();
  }
});
