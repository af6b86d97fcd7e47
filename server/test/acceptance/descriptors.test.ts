import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { mediaClient } from './media-client.ts';
import { nextDescriptor } from './process-facts.ts';
import {
  eventually,
  filePart,
  multipartBody,
  objectsAsFiles,
  storedObjects,
  upload,
} from './requests.ts';

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasPrlimit())('a server out of descriptors (R6; skipped without prlimit)', () => {
  let app: Stowage;
  // A connection that is there already: new ones are not accepted.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  beforeAll(async () => {
    app = await startStowage({ env: objectsAsFiles });
  });
  afterAll(async () => {
    agent.destroy();
    await app?.stop();
  });

  function send(
    method: string,
    path: string,
    body?: Buffer,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const headers = {
      authorization: `Bearer ${app.adminToken}`,
      ...(body && {
        'content-type': 'multipart/form-data; boundary=frontier',
        'content-length': String(body.length),
      }),
    };
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        new URL(path, app.url),
        { method, headers, agent },
        (response: IncomingMessage) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response
            .once('end', () => resolve({ status: response.statusCode ?? 0, text }))
            .once('error', reject);
        },
      );
      request.once('error', reject).end(body);
    });
  }
  const softLimit = (): string =>
    execFileSync(
      'prlimit',
      ['--pid', String(app.pid), '--nofile', '--noheadings', '--output', 'SOFT'],
      {
        encoding: 'utf8',
      },
    ).trim();
  const limit = (soft: string): void =>
    void execFileSync('prlimit', ['--pid', String(app.pid), `--nofile=${soft}:`]);

  it('says so with 503, keeps no half file, and recovers by itself', async () => {
    const src = (
      JSON.parse((await send('POST', '/upload', form(50_000))).text) as [{ src: string }]
    )[0].src;
    await send('GET', src);
    const objects = await storedObjects(app);
    const before = softLimit();
    limit(String(await nextDescriptor(app.pid)));
    try {
      for (const size of [10, 50_000, 3_000_000]) {
        const answer = await send('POST', '/upload', form(size));
        expect([answer.status, size]).toEqual([503, size]);
      }
      expect((await send('GET', '/api/v1/media')).status).toBe(200);
      const read = await send('GET', src);
      expect([200, 503]).toContain(read.status);
    } finally {
      limit(before);
    }
    expect((await send('POST', '/upload', form(3_000_000))).status).toBe(200);
    expect((await send('GET', src)).status).toBe(200);
    await eventually(async () =>
      expect((await storedObjects(app)).length).toBe(objects.length + 1),
    );
    expect((await mediaClient(app).call('GET', '/media')).body.data.total).toBe(2);
  });

  it('new connections get through again, too', async () => {
    const before = softLimit();
    limit(String(await nextDescriptor(app.pid)));
    const refused = Array.from({ length: 30 }, () =>
      fetch(`${app.url}/healthz`, { headers: { connection: 'close' } }).then(
        (answer) => answer.status,
        () => 'refused',
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    limit(before);
    await Promise.all(refused);
    await eventually(async () => expect((await upload(app)).status).toBe(200));
  });

  function form(size: number): Buffer {
    return multipartBody([filePart(randomBytes(size), `${size}.bin`, 'application/octet-stream')]);
  }
});
