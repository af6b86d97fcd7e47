import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { upload } from './requests.ts';

let app: Stowage;
beforeEach(async () => {
  app = await startStowage({ env: { STOWAGE_SHUTDOWN_DELAY_SECONDS: '2' } });
});
afterEach(async () => app?.stop());

/** As a balancer asks: over a connection that it keeps. */
async function ask(agent: Agent, path: string) {
  const request = get(new URL(path, app.url), { agent });
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response) {
    body += chunk;
  }
  return { status: response.statusCode, connection: response.headers.connection, body };
}

it('says that it is about to stop before it does: 503 at /readyz, everything else served, connections closed', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await ask(agent, '/readyz')).toMatchObject({ status: 200, connection: 'keep-alive' });
  const ended = app.terminate();
  await expect.poll(async () => (await ask(agent, '/readyz')).status).toBe(503);
  const ready = await ask(agent, '/readyz');
  expect(ready).toMatchObject({ status: 503, connection: 'close' });
  expect(JSON.parse(ready.body)).toEqual({ status: 'unavailable', checks: { server: 'stopping' } });
  expect(await ask(agent, '/healthz')).toMatchObject({ status: 200, connection: 'close' });
  expect((await upload(app)).status).toBe(200);
  expect(await ended).toBe(0);
  agent.destroy();
});

it('ends at once when told twice', async () => {
  const ended = app.terminate();
  await expect.poll(async () => (await app.fetch('/readyz')).status).toBe(503);
  process.kill(app.pid, 'SIGTERM');
  expect(await ended).toBe(143);
});
