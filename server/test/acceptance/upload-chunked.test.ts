import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ChunkedUpload,
  cut,
  fieldsOf,
  formOf,
  initUpload,
  mergeUpload,
  putChunk,
  shuffled,
  uploadedChunks,
} from './chunked-client.ts';
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
} from './requests.ts';

let stowage: Stowage;

beforeAll(async () => {
  stowage = await startStowage();
});
afterAll(() => stowage?.stop());

const read = async (src: string) => Buffer.from(await (await stowage.fetch(src)).arrayBuffer());
const said = async (response: Response | Promise<Response>) => {
  const answer = await response;
  return [answer.status, await answer.text()] as const;
};
const bytesOf = (text: string) => Buffer.from(text);
const createToken = async (
  permissions: readonly string[],
): Promise<{ id: string; headers: { authorization: string } }> => {
  const body = JSON.stringify({ name: 'other', permissions, owner: 'test' });
  const { id, token } = await jsonOf<{ id: string; token: string }>(
    stowage.fetch('/api/manage/apiTokens', { method: 'POST', body }),
  );
  return { id, headers: { authorization: `Bearer ${token}` } };
};

describe('the three steps', () => {
  it('answer exactly what the document shows', async () => {
    const init = await stowage.fetch('/upload?initChunked=true&uploadChannel=cfr2', {
      method: 'POST',
      body: formOf({
        originalFileName: 'video.mp4',
        originalFileType: 'video/mp4',
        totalChunks: '2',
      }),
    });
    expect(init.status).toBe(200);
    const session = await jsonOf<{ uploadId: string }>(init);
    const { uploadId } = session;
    expect(session).toEqual({
      success: true,
      uploadId: expect.stringMatching(/^upload_\d{13}_[a-z0-9]{9,}$/),
      sessionInfo: {
        uploadId,
        originalFileName: 'video.mp4',
        totalChunks: 2,
        uploadChannel: 'cfr2',
      },
    });

    const upload: ChunkedUpload = { uploadId, name: 'video.mp4', type: 'video/mp4', total: 2 };
    for (const [index, text] of ['hello ', 'world'].entries()) {
      const response = await putChunk(stowage, upload, index, bytesOf(text), {
        query: '&uploadChannel=cfr2',
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        success: true,
        message: `Chunk ${index + 1}/2 received and being uploaded`,
        uploadId,
        chunkIndex: index,
      });
    }

    const merge = await mergeUpload(stowage, upload, { query: '&uploadChannel=cfr2' });
    expect(merge.status).toBe(200);
    const answer = await jsonOf<{ src: string }[]>(merge);
    expect(answer).toEqual([{ src: expect.stringMatching(/^\/file\/\d{13}_video\.mp4$/) }]);
    expect(String(await read(answer[0]?.src ?? ''))).toBe('hello world');

    const cleanup = await stowage.fetch(`/upload?cleanup=true&uploadId=${uploadId}&totalChunks=2`, {
      method: 'POST',
    });
    expect(await cleanup.json()).toEqual({
      success: true,
      message: `Cleanup completed for upload ${uploadId}`,
      uploadId,
      cleanedChunks: 2,
    });
    // The file is not the upload.
    expect(String(await read(answer[0]?.src ?? ''))).toBe('hello world');
  });

  it('take urlencoded forms where there is no file', async () => {
    const form = (fields: Record<string, string>) => ({
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    const init = await stowage.fetch(
      '/upload?initChunked=true',
      form({ originalFileName: 'a b+c.txt', originalFileType: 'text/plain', totalChunks: '1' }),
    );
    const upload = {
      uploadId: (await jsonOf<{ uploadId: string }>(init)).uploadId,
      name: 'a b+c.txt',
      type: 'text/plain',
      total: 1,
    };
    expect((await putChunk(stowage, upload, 0, bytesOf('urlencoded'))).status).toBe(200);
    const src = await srcOf(
      stowage.fetch('/upload?chunked=true&merge=true', form(fieldsOf(upload))),
    );
    expect(src).toMatch(/_a_b_c\.txt$/);
    expect(String(await read(src))).toBe('urlencoded');
  });

  it('take the file before the fields, and an empty type', async () => {
    const upload = await initUpload(stowage, 2, { name: 'no-type', type: '' });
    for (const [index, text] of ['one', 'two'].entries()) {
      expect((await putChunk(stowage, upload, index, bytesOf(text), { first: true })).status).toBe(
        200,
      );
    }
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('onetwo');
  });

  it('need no type to merge', async () => {
    const upload = await initUpload(stowage, 1);
    await putChunk(stowage, upload, 0, bytesOf('x'));
    const { originalFileType: _, ...fields } = fieldsOf(upload);
    await srcOf(
      stowage.fetch('/upload?chunked=true&merge=true', { method: 'POST', body: formOf(fields) }),
    );
  });

  it('take an empty chunk', async () => {
    const upload = await initUpload(stowage, 1);
    expect((await putChunk(stowage, upload, 0, bytesOf(''))).status).toBe(200);
    expect((await read(await srcOf(mergeUpload(stowage, upload)))).length).toBe(0);
  });

  it.each([
    ['init', '&uploadFolder=when/init&uploadNameType=origin&returnFormat=full', '', ''],
    ['chunk', '', '&uploadFolder=when/chunk&uploadNameType=origin&returnFormat=full', ''],
    [
      'merge',
      '&uploadFolder=no',
      '&uploadFolder=neither&uploadNameType=short',
      '&uploadFolder=when/merge&uploadNameType=origin&returnFormat=full',
    ],
  ])('honour folder, naming and format given at %s', async (step, init, chunk, merge) => {
    const upload = await initUpload(stowage, 2, { name: 'named.txt', query: init });
    await Promise.all(
      [0, 1].map((index) => putChunk(stowage, upload, index, bytesOf('x'), { query: chunk })),
    );
    expect(await srcOf(mergeUpload(stowage, upload, { query: merge }))).toBe(
      `${stowage.url}/file/when/${step}/named.txt`,
    );
  });

  it('sniff the type and clean the name of the whole', async () => {
    const upload = await initUpload(stowage, 2, { name: '../a\u0000b<x>.bin', type: 'text/html' });
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    await putChunk(stowage, upload, 0, png);
    await putChunk(stowage, upload, 1, png);
    const src = await srcOf(mergeUpload(stowage, upload));
    expect(src).toMatch(/_ab_x_\.bin$/);
    expect((await stowage.fetch(src)).headers.get('content-type')).toBe('image/png');
  });
});

describe('refusals', () => {
  const post = (query: string, fields: Record<string, string>, chunk?: { bytes: Uint8Array }) =>
    said(stowage.fetch(`/upload?${query}`, { method: 'POST', body: formOf(fields, chunk) }));

  it.each([
    [{ originalFileType: 'a/b', totalChunks: '1' }],
    [{ originalFileName: 'a', totalChunks: '1' }],
    [{ originalFileName: 'a', originalFileType: 'a/b' }],
    [{ originalFileName: '', originalFileType: 'a/b', totalChunks: '1' }],
  ])('init without %j', async (fields) => {
    expect(await post('initChunked=true', fields as Record<string, string>)).toEqual([
      400,
      'Error: Missing initialization parameters',
    ]);
  });

  it.each(['0', '-1', '1.5', 'many', '1e3', '10001', '99999999999999999999', ' '])(
    'totalChunks %j (T16)',
    async (totalChunks) => {
      const [status, text] = await post('initChunked=true', {
        originalFileName: 'a',
        originalFileType: 'a/b',
        totalChunks,
      });
      expect(status).toBe(400);
      expect(text).toMatch(/^Error: /);
    },
  );

  it('init on channels that take no chunks', async () => {
    const fields = { originalFileName: 'a', originalFileType: 'a/b', totalChunks: '1' };
    expect(await post('initChunked=true&uploadChannel=webdav', fields)).toEqual([
      400,
      'Error: WebDAV channel does not support chunked uploads. Please use non-chunked upload within your Cloudflare request body limit.',
    ]);
    for (const channel of ['huggingface', 'external', 'no-such-thing']) {
      const [status, text] = await post(`initChunked=true&uploadChannel=${channel}`, fields);
      expect([status, text], channel).toEqual([400, expect.stringMatching(/^Error: .*chunked/i)]);
    }
  });

  it('chunks without their fields', async () => {
    const upload = await initUpload(stowage, 1);
    const all = { ...fieldsOf(upload), chunkIndex: '0' };
    for (const name of Object.keys(all)) {
      const fields = Object.fromEntries(Object.entries(all).filter(([key]) => key !== name));
      expect(await post('chunked=true', fields, { bytes: bytesOf('x') }), name).toEqual([
        400,
        'Error: Missing chunk upload parameters',
      ]);
    }
    expect(await post('chunked=true', all)).toEqual([
      400,
      'Error: Missing chunk upload parameters',
    ]);
    expect(await uploadedChunks(stowage, upload)).toEqual([]);
  });

  it.each(['-1', '1', '0.5', 'x', '', '1e0', '99999999999999999999'])(
    'chunkIndex %j of 1 (T16)',
    async (chunkIndex) => {
      const upload = await initUpload(stowage, 1);
      const [status, text] = await said(
        putChunk(stowage, upload, 0, bytesOf('x'), { fields: { chunkIndex } }),
      );
      expect(status).toBe(400);
      expect(text).toMatch(/^Error: /);
      expect(await uploadedChunks(stowage, upload)).toEqual([]);
    },
  );

  it('unknown uploads and other parameters than at init', async () => {
    const upload = await initUpload(stowage, 2);
    const bytes = bytesOf('x');
    const unknown = { ...upload, uploadId: 'upload_1713500000000_abc123def' };
    const noSession = [400, 'Error: Invalid or expired upload session'];
    expect(await said(putChunk(stowage, unknown, 0, bytes))).toEqual(noSession);
    expect(await said(mergeUpload(stowage, unknown))).toEqual(noSession);
    expect((await stowage.fetch(`/upload/status?uploadId=${unknown.uploadId}`)).status).toBe(400);
    const mismatch = [400, 'Error: Session parameters mismatch'];
    for (const fields of [
      { totalChunks: '3' },
      { originalFileName: 'other' },
      { totalChunks: '-2' },
    ] as Record<string, string>[]) {
      expect(await said(putChunk(stowage, upload, 0, bytes, { fields }))).toEqual(mismatch);
      expect(await said(mergeUpload(stowage, upload, { fields }))).toEqual(mismatch);
    }
    // The type is not compared.
    expect(
      (await putChunk(stowage, upload, 0, bytes, { fields: { originalFileType: 'x/y' } })).status,
    ).toBe(200);
  });

  it('merges without their fields', async () => {
    const { uploadId: _, ...rest } = fieldsOf(await initUpload(stowage, 1));
    expect(await post('chunked=true&merge=true', rest)).toEqual([
      400,
      'Error: Missing merge parameters',
    ]);
  });

  it.each(['initChunked=true', 'chunked=true', 'chunked=true&merge=true'])(
    'malformed bodies at %s',
    async (query) => {
      for (const [type, body] of [
        ['multipart/form-data; boundary=frontier', 'garbage'],
        [
          'multipart/form-data; boundary=frontier',
          multipartBody([fieldPart('uploadId', 'x'), filePart('x')]).subarray(0, -30),
        ],
        ['application/json', '{}'],
      ] as const) {
        const response = await stowage.fetch(`/upload?${query}`, {
          method: 'POST',
          headers: { 'content-type': type },
          body: body as string,
        });
        expect(response.status).toBe(400);
      }
    },
  );

  it('other callers (T16)', async () => {
    const upload = await initUpload(stowage, 1);
    await putChunk(stowage, upload, 0, bytesOf('mine'));
    const stranger = {
      ...upload,
      headers: (await createToken(['upload', 'list', 'delete', 'manage'])).headers,
    };
    const noSession = [400, 'Error: Invalid or expired upload session'];
    expect(await said(putChunk(stowage, stranger, 0, bytesOf('evil')))).toEqual(noSession);
    expect(await said(mergeUpload(stowage, stranger))).toEqual(noSession);
    expect(
      await said(
        stowage.fetch(`/upload/status?uploadId=${upload.uploadId}`, { headers: stranger.headers }),
      ),
    ).toEqual(noSession);
    const cleanup = await stowage.fetch(
      `/upload?cleanup=true&uploadId=${upload.uploadId}&totalChunks=1`,
      {
        headers: stranger.headers,
      },
    );
    expect(cleanup.status).toBe(200);
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('mine');
  });

  it('tokens that were revoked meanwhile (T24)', async () => {
    const { id, headers } = await createToken(['upload']);
    const upload = await initUpload(stowage, 2, { headers });
    expect((await putChunk(stowage, upload, 0, bytesOf('x'))).status).toBe(200);
    await stowage.fetch(`/api/manage/apiTokens?id=${id}`, { method: 'DELETE' });
    expect(await said(putChunk(stowage, upload, 1, bytesOf('x')))).toEqual([401, 'Unauthorized']);
    expect(await said(mergeUpload(stowage, upload))).toEqual([401, 'Unauthorized']);
  });

  it('more bytes in all than a file may have', async () => {
    const small = await startStowage({ env: { STOWAGE_LIMITS_MAX_UPLOAD_BYTES: '1000' } });
    try {
      const upload = await initUpload(small, 2);
      expect((await putChunk(small, upload, 0, new Uint8Array(1001))).status).toBe(413);
      expect((await putChunk(small, upload, 0, new Uint8Array(600))).status).toBe(200);
      expect((await putChunk(small, upload, 1, new Uint8Array(600))).status).toBe(413);
      expect((await putChunk(small, upload, 1, new Uint8Array(400))).status).toBe(200);
      await srcOf(mergeUpload(small, upload));
    } finally {
      await small.stop();
    }
  });
});

describe('cleanup', () => {
  it.each(['GET', 'POST'])('by %s removes the parts and the session', async (method) => {
    const before = await storedObjects(stowage);
    const upload = await initUpload(stowage, 3);
    for (const index of [0, 1]) {
      await putChunk(stowage, upload, index, bytesOf(`part ${index}`));
    }
    const path = `/upload?cleanup=true&uploadId=${upload.uploadId}&totalChunks=3`;
    expect((await stowage.fetch(path, { method })).status).toBe(200);
    expect(await said(mergeUpload(stowage, upload))).toEqual([
      400,
      'Error: Invalid or expired upload session',
    ]);
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
    // Again, and for uploads that never were, it is a success too.
    expect((await stowage.fetch(path, { method })).status).toBe(200);
  });

  it('wants an uploadId', async () => {
    const response = await stowage.fetch('/upload?cleanup=true&totalChunks=3', { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: 'Missing uploadId parameter' },
    ]);
  });
});

describe('parts', () => {
  it('may come in any order, in parallel, and more than once', async () => {
    const chunk = fc.record({
      final: fc.uint8Array({ maxLength: 60 }),
      earlier: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(chunk, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        async (chunks, numbers) => {
          const random = () => Number(numbers.next().value);
          const upload = await initUpload(stowage, chunks.length);
          const sendAll = async (index: number) => {
            for (const bytes of [
              ...(chunks[index]?.earlier ?? []),
              chunks[index]?.final ?? new Uint8Array(),
            ]) {
              expect(
                (await putChunk(stowage, upload, index, bytes, { first: random() % 2 === 0 }))
                  .status,
              ).toBe(200);
            }
          };
          const order = chunks
            .map((_, index) => ({ index, at: random() }))
            .sort((a, b) => a.at - b.at);
          await Promise.all(order.map(({ index }) => sendAll(index)));
          const merged = await srcOf(mergeUpload(stowage, upload));
          expect(await read(merged)).toEqual(Buffer.concat(chunks.map(({ final }) => final)));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('leave nothing behind when they are replaced', async () => {
    const before = new Set(await storedObjects(stowage));
    const upload = await initUpload(stowage, 2);
    for (const text of ['a', 'b', 'c']) {
      for (const index of [1, 0]) {
        await putChunk(stowage, upload, index, bytesOf(`${text}${index}`));
      }
    }
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('c0c1');
    await eventually(async () =>
      expect((await storedObjects(stowage)).filter((path) => !before.has(path))).toHaveLength(2),
    );
  });

  it('sent many times at once end as one (R3)', async () => {
    const upload = await initUpload(stowage, 2);
    await putChunk(stowage, upload, 1, bytesOf('-end'));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => putChunk(stowage, upload, 0, bytesOf(`try ${n % 3}`))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toMatch(
      /^try [012]-end$/,
    );
  });

  it('sent again while merging never make a mixture (R3)', async () => {
    for (let round = 0; round < 5; round++) {
      const upload = await initUpload(stowage, 2);
      await putChunk(stowage, upload, 0, bytesOf('old0'));
      await putChunk(stowage, upload, 1, bytesOf('last'));
      const [merged, resent] = await Promise.all([
        mergeUpload(stowage, upload),
        ...[0, 0, 0].map(() => putChunk(stowage, upload, 0, bytesOf('new0'))),
      ]);
      const content = String(await read(await srcOf(merged as Response)));
      expect(['old0last', 'new0last']).toContain(content);
      // Too late for this upload, or in time.
      expect([200, 400]).toContain(resent?.status);
    }
  });

  it('are waited for by a merge that comes early', async () => {
    const upload = await initUpload(stowage, 2);
    await putChunk(stowage, upload, 0, bytesOf('first '));
    const slow = await slowChunk(upload, 1, 'second');
    const merging = srcOf(mergeUpload(stowage, upload));
    await slow.finish();
    expect(String(await read(await merging))).toBe('first second');
  });

  it('that hang do not keep the same part from being sent again', async () => {
    const upload = await initUpload(stowage, 1);
    const hanging = await slowChunk(upload, 0, 'hanging');
    expect((await putChunk(stowage, upload, 0, bytesOf('again'))).status).toBe(200);
    expect(await uploadedChunks(stowage, upload)).toEqual([0]);
    hanging.socket.destroy();
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('again');
  });

  it('that were cut off are not counted', async () => {
    const upload = await initUpload(stowage, 1);
    const before = await storedObjects(stowage);
    const slow = await slowChunk(upload, 0, 'cut');
    slow.socket.destroy();
    await eventually(async () => expect((await said(mergeUpload(stowage, upload)))[0]).toBe(500));
    expect(await uploadedChunks(stowage, upload)).toEqual([]);
    await eventually(async () => expect(await storedObjects(stowage)).toEqual(before));
    await putChunk(stowage, upload, 0, bytesOf('whole'));
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('whole');
  });

  /** A chunk request of which all but the last bytes are on their way. */
  async function slowChunk(upload: ChunkedUpload, index: number, text: string) {
    const fields = Object.entries({ ...fieldsOf(upload), chunkIndex: String(index) }).map(
      ([name, value]) => fieldPart(name, value),
    );
    const body = multipartBody([...fields, filePart(text)]);
    const head = `POST /upload?chunked=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stowage.adminToken}\r\nContent-Type: multipart/form-data; boundary=frontier\r\nContent-Length: ${body.length}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n`;
    const socket: Socket = connect(Number(new URL(stowage.url).port), '127.0.0.1');
    const heard = { text: '' };
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard.text += bytes.toString();
      // The server reads.
      if (heard.text.includes('100 Continue')) {
        resolve();
      }
    });
    socket.write(head);
    await promise;
    socket.write(body.subarray(0, body.length - 20));
    return {
      socket,
      async finish() {
        const closed = new Promise((done) => socket.once('close', done));
        socket.write(body.subarray(body.length - 20));
        await closed;
        expect(heard.text).toContain('200 OK');
      },
    };
  }
});

describe('merge', () => {
  it('names what is missing and keeps the upload', async () => {
    const upload = await initUpload(stowage, 4);
    for (const index of [0, 2]) {
      await putChunk(stowage, upload, index, bytesOf(String(index)));
    }
    const [status, text] = await said(mergeUpload(stowage, upload));
    expect(status).toBe(500);
    expect(text).toMatch(
      /^Error: Failed to merge chunks - Only 2\/4 chunks completed successfully\. Final status: \{"completed":2,"missing":2\}/,
    );
    expect(text).toContain('1, 3');
    for (const index of [1, 3]) {
      await putChunk(stowage, upload, index, bytesOf(String(index)));
    }
    expect(String(await read(await srcOf(mergeUpload(stowage, upload))))).toBe('0123');
  });

  it('answers the same to every repetition, also at once (R5)', async () => {
    const upload = await initUpload(stowage, 3, { name: 'once.txt' });
    for (const index of [0, 1, 2]) {
      await putChunk(stowage, upload, index, bytesOf(String(index)));
    }
    const query = '&uploadNameType=origin&uploadFolder=r5';
    const sources = await Promise.all(
      Array.from({ length: 10 }, () => srcOf(mergeUpload(stowage, upload, { query }))),
    );
    sources.push(await srcOf(mergeUpload(stowage, upload, { query })));
    expect(new Set(sources)).toEqual(new Set(['/file/r5/once.txt']));
    const status = await (await stowage.fetch(`/upload/status?uploadId=${upload.uploadId}`)).json();
    expect(status).toMatchObject({
      status: 'merged',
      uploadedChunks: [0, 1, 2],
      result: [{ src: '/file/r5/once.txt' }],
    });
  });

  it('gives one file to a caller who hung up and came again (R5)', async () => {
    for (let round = 0; round < 5; round++) {
      const upload = await initUpload(stowage, 1, { name: `hung-up-${round}.txt` });
      await putChunk(stowage, upload, 0, bytesOf('x'));
      const query = '&uploadNameType=origin&uploadFolder=hung-up';
      const leaving = new AbortController();
      const first = stowage.fetch(`/upload?chunked=true&merge=true${query}`, {
        method: 'POST',
        body: formOf(fieldsOf(upload)),
        signal: leaving.signal,
      });
      const second = srcOf(mergeUpload(stowage, upload, { query }));
      leaving.abort();
      await first.catch(() => undefined);
      expect(await second).toBe(`/file/hung-up/hung-up-${round}.txt`);
    }
  });

  it('serves ranges across the borders of parts', async () => {
    const bytes = pseudoRandomBytes(1000);
    const upload = await initUpload(stowage, 10);
    await Promise.all(
      shuffled([...cut(bytes, 100).entries()]).map(([index, part]) =>
        putChunk(stowage, upload, index, part),
      ),
    );
    const src = await srcOf(mergeUpload(stowage, upload));
    for (const [start, end] of [
      [0, 0],
      [99, 100],
      [50, 949],
      [100, 199],
      [999, 999],
      [250, 350],
    ] as const) {
      const response = await stowage.fetch(src, { headers: { range: `bytes=${start}-${end}` } });
      expect([response.status, response.headers.get('content-range')]).toEqual([
        206,
        `bytes ${start}-${end}/1000`,
      ]);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes.subarray(start, end + 1));
    }
    const suffix = await stowage.fetch(src, { headers: { range: 'bytes=-150' } });
    expect(Buffer.from(await suffix.arrayBuffer())).toEqual(bytes.subarray(850));
  });
});

describe('kill -9 (R1)', () => {
  it('between any two steps loses nothing', async () => {
    const upload = await initUpload(stowage, 3);
    await stowage.crash();
    for (const index of [2, 0, 1]) {
      expect((await putChunk(stowage, upload, index, bytesOf(`part ${index} `))).status).toBe(200);
      await stowage.crash();
    }
    expect(await uploadedChunks(stowage, upload)).toEqual([0, 1, 2]);
    const src = await srcOf(mergeUpload(stowage, upload));
    await stowage.crash();
    expect(await srcOf(mergeUpload(stowage, upload))).toBe(src);
    expect(String(await read(src))).toBe('part 0 part 1 part 2 ');
  });

  it('during a merge leaves one file or none, and the merge can be repeated', async () => {
    for (let round = 0; round < 4; round++) {
      const upload = await initUpload(stowage, 2, { name: `killed-${round}.txt` });
      for (const index of [0, 1]) {
        await putChunk(stowage, upload, index, bytesOf(String(index)));
      }
      const query = '&uploadNameType=origin&uploadFolder=killed';
      const merging = mergeUpload(stowage, upload, { query })
        .then(srcOf, () => undefined)
        .catch(() => undefined);
      await stowage.crash();
      const answered = await merging;
      const src = await srcOf(mergeUpload(stowage, upload, { query }));
      expect(src).toBe(`/file/killed/killed-${round}.txt`);
      if (answered !== undefined) {
        expect(answered).toBe(src);
      }
      expect(String(await read(src))).toBe('01');
    }
  });

  it('in the middle of 64 MiB in 6 parallel parts of random order', async () => {
    const before = new Set(await storedObjects(stowage));
    const bytes = pseudoRandomBytes(64 * 2 ** 20);
    const parts = cut(bytes, 2 ** 20);
    const upload = await initUpload(stowage, parts.length, { name: 'big.bin' });
    const acknowledged = new Set<number>();
    let crashing: Promise<void> | undefined;

    const send = async (index: number): Promise<void> => {
      for (;;) {
        await crashing;
        const status = await putChunk(
          stowage,
          upload,
          index,
          parts[index] ?? new Uint8Array(),
        ).then(
          (r) => r.status,
          () => 0,
        );
        if (status === 200) {
          acknowledged.add(index);
        }
        if (acknowledged.size >= parts.length / 2) {
          crashing ??= stowage.crash();
        }
        if (status === 200) {
          return;
        }
      }
    };
    const queue = [...shuffled([...parts.keys()])];
    const worker = async () => {
      for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
        await send(index);
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
    expect(crashing).toBeDefined();
    expect(await uploadedChunks(stowage, upload)).toEqual([...parts.keys()]);

    const src = await srcOf(mergeUpload(stowage, upload));
    const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
    expect(hash(await read(src))).toBe(hash(bytes));
    const range = await stowage.fetch(src, { headers: { range: 'bytes=1048570-2097160' } });
    expect(Buffer.from(await range.arrayBuffer()).equals(bytes.subarray(1048570, 2097161))).toBe(
      true,
    );
    await eventually(async () =>
      expect((await storedObjects(stowage)).filter((path) => !before.has(path))).toHaveLength(
        parts.length,
      ),
    );
  });
});
