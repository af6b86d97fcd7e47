import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isInstalled } from '../processes.ts';
import { curl, curlAll, curlInTurn } from './curl.ts';
import { uniqueNoise } from './requests.ts';
import { wrk } from './wrk.ts';

let server: Server | undefined;

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe.skipIf(!isInstalled('wrk'))('many requests by wrk', () => {
  it('each has another body, and they end after so many', async () => {
    const bodies = new Set<string>();
    let count = 0;
    const base = await listen(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      bodies.add(body.toString('latin1'));
      count++;
      expect(body).toHaveLength(1000);
      response.end();
    });
    const requests = [{ method: 'POST', path: '/', body: uniqueNoise(1000) }];
    const result = await wrk({ base, requests }, { callers: 8, requests: 2000 });
    expect(result.failed).toBe(0);
    expect(result.requests).toBeGreaterThan(2000 - 8);
    expect(result.requests).toBeLessThanOrEqual(2000);
    expect(count - result.requests).toBeLessThanOrEqual(9);
    expect(bodies.size).toBe(count);
  });

  it('throws what the server answered', async () => {
    const base = await listen((_, response) => {
      response.writeHead(507).end('{"error":"no space left"}');
    });
    const requests = [{ method: 'GET', path: '/' }];
    await expect(wrk({ base, requests }, { callers: 2, requests: 500 })).rejects.toThrow(
      /were refused and 0 got no answer; status 507: {"error":"no space left"}$/,
    );
  });
});

describe.skipIf(!isInstalled('curl'))('large bodies by curl', () => {
  const echo: RequestListener = async (request, response) => {
    const body = await request.toArray();
    const status = request.url === '/full' ? 507 : 200;
    response.writeHead(status).end(status === 200 ? Buffer.concat(body) : 'no space left');
  };

  it('returns the answer, or throws it without the command', async () => {
    const base = await listen(echo);
    await expect(curl(['-d', 'text', base])).resolves.toBe('text');
    await expect(curl(['-d', 'secret', `${base}/full`])).rejects.toThrow(
      /^status 507: no space left$/,
    );
  });

  it('throws the answer to the one of many that failed', async () => {
    const base = await listen(echo);
    const requests = ['/1', '/2', '/full', '/3'].map((path) => ['-d', 'text', `${base}${path}`]);
    await expect(curlInTurn(requests, 2)).rejects.toThrow(/^status 507: no space left$/);
    await expect(curlAll(requests)).rejects.toThrow(/^status 507: no space left$/);
  });

  it('returns how long each took', async () => {
    const base = await listen(echo);
    const folder = await mkdtemp(join(tmpdir(), 'stowage-load-'));
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(2 ** 20));
    const requests = ['/1', '/2', '/3'].map((path) => ['-T', file, `${base}${path}`]);
    const seconds = await curlInTurn(
      requests.map((one) => ['-o', '/dev/null', ...one]),
      2,
    );
    expect(seconds).toHaveLength(3);
    expect(Math.min(...seconds)).toBeGreaterThan(0);
    await rm(folder, { recursive: true });
  });

  it('throws why there is no answer', async () => {
    await expect(curl(['http://127.0.0.1:1/'])).rejects.toThrow(/^curl: \(7\)/);
  });
});
