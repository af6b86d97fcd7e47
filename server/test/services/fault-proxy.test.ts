import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

let received: string[] = [];
const target = createServer(async (request, answer) => {
  let body = '';
  try {
    for await (const chunk of request) {
      body += chunk;
    }
  } catch {
    return;
  }
  received.push(`${request.method} ${request.url} ${body}`);
  answer.writeHead(200, { 'x-from': 'target' }).end('hello '.repeat(10_000));
});
let proxy: FaultProxy;

beforeAll(async () => {
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  proxy = await startFaultProxy({
    target: `http://127.0.0.1:${(target.address() as AddressInfo).port}`,
  });
});
afterEach(() => {
  proxy.clear();
  received = [];
});
afterAll(async () => {
  await proxy.stop();
  target.close();
});

const put = (path: string, body = 'bytes') => fetch(`${proxy.url}${path}`, { method: 'PUT', body });

it('passes requests and answers through', async () => {
  const answer = await put('/a?b=c', 'x'.repeat(300_000));
  expect(answer.headers.get('x-from')).toBe('target');
  expect((await answer.text()).length).toBe(60_000);
  expect(received).toEqual([`PUT /a?b=c ${'x'.repeat(300_000)}`]);
  expect(proxy.seen).toMatchObject([{ method: 'PUT', url: '/a?b=c' }]);
});

it('answers instead of the target, before or after it did its work', async () => {
  proxy.failNext({ kind: 'answer', status: 503, headers: { 'retry-after': '7' }, body: 'busy' });
  const before = await put('/before');
  expect([before.status, before.headers.get('retry-after'), await before.text()]).toEqual([
    503,
    '7',
    'busy',
  ]);
  proxy.failNext({ kind: 'answer', status: 500, forward: true });
  expect((await put('/after')).status).toBe(500);
  expect(received).toEqual(['PUT /after bytes']);
  expect((await put('/then')).status).toBe(200);
});

it('fails only what matches, as often as asked', async () => {
  proxy.failNext({ kind: 'answer', status: 500 }, { times: 2, match: ({ url }) => url === '/a' });
  const statuses = [];
  for (const path of ['/b', '/a', '/a', '/a']) {
    statuses.push((await put(path)).status);
  }
  expect(statuses).toEqual([200, 500, 500, 200]);
});

it('resets in the request, loses the answer, cuts the answer', async () => {
  proxy.failNext({ kind: 'reset', requestBytes: 100_000 });
  await expect(put('/in', 'x'.repeat(5_000_000))).rejects.toThrow();
  expect(received).toEqual([]);
  proxy.failNext({ kind: 'reset', answerBytes: 0 });
  await expect(put('/lost')).rejects.toThrow();
  expect(received).toEqual(['PUT /lost bytes']);
  proxy.failNext({ kind: 'reset', answerBytes: 1000 });
  const cut = await put('/cut');
  expect(cut.status).toBe(200);
  await expect(cut.text()).rejects.toThrow();
});

it('delays and hangs', async () => {
  proxy.failNext({ kind: 'delay', ms: 60 });
  const startedAt = performance.now();
  expect((await put('/late')).status).toBe(200);
  expect(performance.now() - startedAt).toBeGreaterThan(55);
  proxy.failNext({ kind: 'hang' });
  const signal = AbortSignal.timeout(200);
  await expect(fetch(`${proxy.url}/hang`, { method: 'PUT', body: 'x', signal })).rejects.toThrow();
  expect(received.at(-1)).toBe('PUT /hang x');
});
