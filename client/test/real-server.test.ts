import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../src/index.ts';

const launcher = fileURLToPath(new URL('../../server/bin/stowage.js', import.meta.url));
const photo = fileURLToPath(new URL('./pixel.png', import.meta.url));
const token = 'client-test-token-0123456789';
let folder = '';
let server: ChildProcess;
let baseUrl = '';
let client: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-client-'));
  const env = {
    PATH: process.env.PATH,
    PORT: '0',
    STOWAGE_DATA_DIR: folder,
    STOWAGE_ADMIN_TOKEN: token,
    STOWAGE_AUTH_CODE: 'code',
  };
  const child = spawn(process.execPath, [launcher, 'serve'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = child;
  for await (const line of createInterface(child.stdout)) {
    baseUrl = /Stowage is ready at (http:\/\/\S+)/.exec(line)?.[1] ?? '';
    if (baseUrl !== '') {
      break;
    }
  }
  child.stdout.resume();
  client = createClient({ baseUrl, token });
});

afterAll(async () => {
  if (server.exitCode === null) {
    server.kill();
    await once(server, 'exit');
  }
  await rm(folder, { recursive: true });
});

async function read(url: string): Promise<Buffer> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe('against a running server', () => {
  const bytes = randomBytes(3_500_000);

  it('uploads a file in one piece, by token or by upload code', async () => {
    const path = join(folder, 'file.bin');
    await writeFile(path, bytes);
    for (const each of [client, createClient({ baseUrl, authCode: 'code' })]) {
      const { src } = await each.upload(await openAsBlob(path), {
        name: 'ä "x".bin',
        folder: 'a/b',
        naming: 'short',
      });
      expect(new URL(src).pathname).toMatch(/^\/file\/a\/b\/\w{8}\.bin$/);
      expect((await read(src)).equals(bytes)).toBe(true);
    }
  });

  it('uploads in parts, breaks off and resumes', async () => {
    const options = {
      name: 'large.bin',
      folder: 'parts',
      partBytes: 500_000,
      chunkedAboveBytes: 0,
      parallel: 2,
    };
    const abort = new AbortController();
    let id = '';
    let done = 0;
    const broken = client.upload(new Blob([bytes]), {
      ...options,
      signal: abort.signal,
      onStart: (uploadId) => {
        id = uploadId;
      },
      onProgress: (stored) => {
        done = stored;
        if (stored > 1_500_000) {
          abort.abort(new Error('enough'));
        }
      },
    });
    await expect(broken).rejects.toThrow('enough');
    const progress: number[] = [];
    const { src } = await client.upload(new Blob([bytes]), {
      ...options,
      resume: id,
      onProgress: (stored) => progress.push(stored),
    });
    expect(progress.filter((stored) => stored <= done).length).toBeGreaterThan(2);
    expect((await read(src)).equals(bytes)).toBe(true);
  });

  it('forgets an upload that is cancelled', async () => {
    let id = '';
    const abort = new AbortController();
    const options = {
      name: 'x.bin',
      partBytes: 500_000,
      chunkedAboveBytes: 0,
      parallel: 1,
      signal: abort.signal,
    };
    const onStart = (uploadId: string) => {
      id = uploadId;
    };
    await expect(
      client.upload(new Blob([bytes]), {
        ...options,
        onStart,
        onProgress: () => abort.abort(new Error('no')),
      }),
    ).rejects.toThrow('no');
    await client.cancelUpload(id);
    await expect(
      client.upload(new Blob([bytes]), { name: 'x.bin', partBytes: 500_000, resume: id }),
    ).rejects.toMatchObject({
      retryable: false,
    });
  });

  it('uploads through the Media API and deletes', async () => {
    const file = await openAsBlob(photo, { type: 'image/png' });
    const media = await client.uploadMedia(file, { name: 'pixel.png' });
    expect(media).toMatchObject({
      status: 'ready',
      content_type: 'image/png',
      width: 1,
      height: 1,
    });
    expect((await read(String(media.url))).equals(await readFile(photo))).toBe(true);
    await client.deleteMedia(media.id);
    expect((await fetch(String(media.url))).status).toBe(404);
  });

  it('says what is wrong', async () => {
    const stranger = createClient({ baseUrl, token: 'wrong' });
    await expect(stranger.upload(new Blob(['x']), { name: 'x' })).rejects.toMatchObject({
      status: 401,
    });
    await expect(
      stranger.uploadMedia(new Blob(['x']), { name: 'x.png', type: 'image/png' }),
    ).rejects.toMatchObject({
      status: 401,
      code: 'unauthorized',
    });
    await expect(
      client.uploadMedia(new Blob(['x']), { name: 'x.exe', type: 'application/x-msdownload' }),
    ).rejects.toMatchObject({
      retryable: false,
    });
  });
});
