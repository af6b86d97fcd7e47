import { readdir, readlink, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldsOf, initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { type Stowage, startStowage } from './harness.ts';
import {
  eventually,
  fieldPart,
  filePart,
  jsonOf,
  multipartBody,
  pseudoRandomBytes,
  srcOf,
  storedObjects,
  upload,
} from './requests.ts';

let stowage: Stowage;
beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

/** Objects and temporary copies that the server holds open, deleted ones too. */
async function openFiles(): Promise<readonly string[]> {
  const folder = `/proc/${stowage.pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => '')),
  );
  const own = links.filter(
    (link) => link.startsWith(stowage.dataDir) && /\/(objects|spool)\//.test(link),
  );
  const isFolder = (path: string) =>
    stat(path).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
  const folders = await Promise.all(own.map(isFolder));
  return own.filter((_, at) => !folders[at]);
}

/** How many files the library lists. */
async function listedFiles(): Promise<number> {
  const { data } = await jsonOf<{ data: { pagination: { total: number } } }>(
    stowage.fetch('/api/v1/media?limit=1'),
  );
  return data.pagination.total;
}

function requestOf(path: string, body: Uint8Array): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stowage.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

function dial(): Socket {
  return connect(Number(new URL(stowage.url).port), '127.0.0.1').on('error', () => undefined);
}

/** Sends so many bytes of the request and cuts the connection; answers whether a 200 came. */
function cutAt(request: Uint8Array, bytes: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial();
    let answer = '';
    socket.on('data', (text) => (answer += text.toString('latin1')));
    socket.once('close', () => resolve(answer.includes('HTTP/1.1 200')));
    // A whole request may be answered; of any other the connection just ends.
    socket.write(request.subarray(0, bytes), () => bytes < request.length && socket.destroy());
  });
}

async function atOnce(
  runs: number,
  parallel: number,
  work: (run: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let run = next++; run < runs; run = next++) {
      await work(run);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

const randomUpTo = (limit: number) => Math.floor(Math.random() * (limit + 1));

describe('a connection cut at a random byte (R2)', () => {
  it('leaves no file, no object and no descriptor behind, 700 times', async () => {
    const before = {
      objects: await storedObjects(stowage),
      open: await openFiles(),
      listed: await listedFiles(),
    };
    const request = requestOf(
      '/upload',
      multipartBody([filePart(pseudoRandomBytes(20_000), 'cut.bin')]),
    );
    let whole = 0;
    await atOnce(700, 20, async () => {
      if (await cutAt(request, randomUpTo(request.length - 1))) {
        whole++;
      }
    });
    expect(whole).toBe(0);
    await eventually(async () =>
      expect({
        objects: await storedObjects(stowage),
        open: await openFiles(),
        listed: await listedFiles(),
      }).toEqual(before),
    );
    expect((await upload(stowage)).status).toBe(200);
  });

  it('of a chunk lets it be sent again, 300 times', async () => {
    const before = new Set(await storedObjects(stowage));
    const session = await initUpload(stowage, 3);
    const parts = [0, 1, 2].map(() => pseudoRandomBytes(10_000));
    await atOnce(300, 10, async (run) => {
      const chunkIndex = run % 3;
      const fields = Object.entries({ ...fieldsOf(session), chunkIndex: String(chunkIndex) }).map(
        ([name, value]) => fieldPart(name, value),
      );
      const file = filePart(parts[chunkIndex] ?? '');
      const request = requestOf(
        '/upload?chunked=true',
        multipartBody(run % 2 === 0 ? [...fields, file] : [file, ...fields]),
      );
      await cutAt(request, randomUpTo(request.length - 1));
    });
    for (const [index, part] of parts.entries()) {
      expect((await putChunk(stowage, session, index, part)).status).toBe(200);
    }
    const src = await srcOf(mergeUpload(stowage, session));
    expect(
      Buffer.from(await (await stowage.fetch(src)).arrayBuffer()).equals(Buffer.concat(parts)),
    ).toBe(true);
    await eventually(async () => {
      expect((await storedObjects(stowage)).filter((path) => !before.has(path))).toHaveLength(3);
      expect(await openFiles()).toEqual([]);
    });
  });
});

describe('hundreds of clients that hang (R14)', () => {
  it('keep nobody from uploading', async () => {
    const body = multipartBody([filePart('slow')]);
    const request = requestOf('/upload', body);
    const sockets = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        const socket = dial();
        // Some in the head, some in the body.
        await new Promise<void>((resolve) =>
          socket.write(request.subarray(0, n % 2 === 0 ? 30 : request.length - 30), () =>
            resolve(),
          ),
        );
        return socket;
      }),
    );
    for (let n = 0; n < 10; n++) {
      expect((await upload(stowage)).status).toBe(200);
    }
    // An honest slow one gets there.
    const [slow] = sockets.slice(1);
    const answer = new Promise<string>((resolve) =>
      slow?.once('data', (text) => resolve(text.toString())),
    );
    slow?.write(request.subarray(request.length - 30));
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) {
      socket.destroy();
    }
    await eventually(async () => expect(await openFiles()).toEqual([]));
  });
});
