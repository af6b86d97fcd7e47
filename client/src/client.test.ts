import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { clientOf, inTurn } from '../test/client-of.ts';
import type { Handler, Seen } from '../test/fake-server.ts';
import { createClient } from './index.ts';

const stored = { json: [{ src: 'http://host/file/a.txt' }] };

describe('upload in one piece', () => {
  it('sends the file, its place and the token', async () => {
    let form: FormData | undefined;
    let seen: Seen | undefined;
    const { client } = await clientOf(async (request) => {
      seen = request;
      form = await request.form();
      return stored;
    });
    const answer = await client.upload(new Blob(['hello']), {
      name: 'ä "b".txt',
      type: 'text/plain',
      folder: 'x/y',
      naming: 'origin',
      channel: 's3',
      channelName: 'm',
    });
    expect(answer).toEqual({ src: 'http://host/file/a.txt' });
    expect(seen?.url.search).toBe(
      '?returnFormat=full&uploadFolder=x%2Fy&uploadNameType=origin&uploadChannel=s3&channelName=m',
    );
    expect(seen?.headers.authorization).toBe('Bearer t');
    const file = form?.get('file') as File;
    expect([file.name, file.type, await file.text()]).toEqual(['ä "b".txt', 'text/plain', 'hello']);
  });

  it('sends an upload code', async () => {
    const { handler, seen } = inTurn(stored);
    const { client } = await clientOf(handler, { authCode: 'code' });
    await client.upload(new Blob(['x']), { name: 'a' });
    expect(seen[0]?.headers.authcode).toBe('code');
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  it('waits when it is told to, and goes on', async () => {
    const { handler, seen } = inTurn(
      { status: 429, text: 'slow', headers: { 'retry-after': '0' } },
      stored,
    );
    const { client } = await clientOf(handler);
    await client.upload(new Blob(['x']), { name: 'a' });
    expect(seen).toHaveLength(2);
  });

  it.each([{ hangUp: true }, { status: 500, text: 'oops' }])(
    'is not repeated when it may have been stored: %j',
    async (reply) => {
      const { handler, seen } = inTurn(reply, stored);
      const { client } = await clientOf(handler);
      await expect(client.upload(new Blob(['x']), { name: 'a' })).rejects.toMatchObject({
        name: 'StowageError',
        retryable: true,
      });
      expect(seen).toHaveLength(1);
    },
  );

  it('throws what the server says', async () => {
    const { client } = await clientOf(inTurn({ status: 401, text: 'Unauthorized' }).handler);
    await expect(client.upload(new Blob(['x']), { name: 'a' })).rejects.toMatchObject({
      status: 401,
      message: 'Unauthorized',
      retryable: false,
    });
  });
});

describe('progress', () => {
  it('of a file in one piece grows while it is sent, and is complete only when the server has answered', async () => {
    const size = 8_000_000;
    let answered = false;
    const { client } = await clientOf(async ({ bytes }) => {
      await bytes();
      answered = true;
      return stored;
    });
    const steps: [number, boolean][] = [];
    await client.upload(new Blob([randomBytes(size)]), {
      name: 'a',
      onProgress: (sent) => steps.push([sent, answered]),
    });
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.map(([sent]) => sent)).toEqual(
      steps.map(([sent]) => sent).toSorted((a, b) => a - b),
    );
    expect(steps.at(-1)).toEqual([size, true]);
    expect(steps.filter(([sent]) => sent === size)).toHaveLength(1);
  });

  it('does not keep an upload from being aborted', async () => {
    const { client } = await clientOf(inTurn(stored).handler);
    const abort = new AbortController();
    const onProgress = () => abort.abort(new Error('enough'));
    const upload = client.upload(new Blob([randomBytes(8_000_000)]), {
      name: 'a',
      signal: abort.signal,
      onProgress,
    });
    await expect(upload).rejects.toThrow('enough');
  });

  it('takes no step back when the request is repeated, and reports an empty file', async () => {
    const { client } = await clientOf(
      inTurn({ status: 503, text: 'later', headers: { 'retry-after': '0' } }, stored).handler,
    );
    const steps: number[] = [];
    await client.upload(new Blob([randomBytes(500_000)]), {
      name: 'a',
      onProgress: (sent) => steps.push(sent),
    });
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    steps.length = 0;
    await client.upload(new Blob([]), { name: 'a', onProgress: (sent) => steps.push(sent) });
    expect(steps.at(-1)).toBe(0);
  });
});

/** A server that keeps parts in memory and breaks once on each part index of `breaks`. */
function partsServer(breaks: readonly number[] = []) {
  const parts = new Map<number, Buffer>();
  const calls: string[] = [];
  const left = new Set(breaks);
  let under = 0;
  let most = 0;
  const handler: Handler = async ({ url, form, method }) => {
    const query = url.searchParams;
    if (url.pathname === '/upload/status') {
      return { json: { uploadId: 'u1', totalChunks: 4, uploadedChunks: [...parts.keys()] } };
    }
    if (query.get('cleanup')) {
      return { json: { success: true } };
    }
    const fields = await form();
    if (query.get('initChunked')) {
      calls.push(`init ${fields.get('totalChunks')} ${fields.get('originalFileName')}`);
      return { json: { success: true, uploadId: 'u1' } };
    }
    if (query.get('merge')) {
      calls.push(`merge ${query.get('uploadFolder')}`);
      return stored;
    }
    most = Math.max(most, ++under);
    const index = Number(fields.get('chunkIndex'));
    const bytes = Buffer.from(await (fields.get('file') as File).arrayBuffer());
    under--;
    calls.push(`${method} part ${index}`);
    if (left.delete(index)) {
      return { status: 503, text: 'later', headers: { 'retry-after': '0' } };
    }
    parts.set(index, bytes);
    return { json: { success: true } };
  };
  const whole = () => Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
  return { handler, parts, calls, whole, mostAtOnce: () => most };
}

describe('upload in parts', () => {
  const bytes = randomBytes(3500);
  const options = { name: 'big.bin', folder: 'f', partBytes: 1000, chunkedAboveBytes: 1000 };

  it('sends every part, a few at once, repeats those that fail, and merges', async () => {
    const server = partsServer([1, 3]);
    const { client } = await clientOf(server.handler);
    const progress: number[] = [];
    const answer = await client.upload(new Blob([bytes]), {
      ...options,
      parallel: 2,
      onProgress: (done) => progress.push(done),
    });
    expect(answer.src).toBe('http://host/file/a.txt');
    expect(server.whole()).toEqual(bytes);
    expect(server.mostAtOnce()).toBeLessThanOrEqual(2);
    expect(server.calls).toHaveLength(1 + 4 + 2 + 1);
    expect(server.calls.at(0)).toBe('init 4 big.bin');
    expect(server.calls.at(-1)).toBe('merge f');
    expect(progress.at(-1)).toBe(3500);
  });

  it('sends only what is missing when it resumes', async () => {
    const server = partsServer();
    const { client } = await clientOf(server.handler);
    for (const index of [0, 2]) {
      server.parts.set(index, bytes.subarray(index * 1000, (index + 1) * 1000));
    }
    await client.upload(new Blob([bytes]), { ...options, resume: 'u1' });
    expect(server.calls.toSorted()).toEqual(['POST part 1', 'POST part 3', 'merge f']);
    expect(server.whole()).toEqual(bytes);
    await expect(
      client.upload(new Blob([bytes]), { ...options, partBytes: 500, resume: 'u1' }),
    ).rejects.toThrow(/another size/);
  });

  it('only takes the answer when it is merged already', async () => {
    const result = { src: 'http://host/file/done' };
    const { client } = await clientOf(() => ({
      json: { totalChunks: 4, uploadedChunks: [], result },
    }));
    expect(await client.upload(new Blob([bytes]), { ...options, resume: 'u1' })).toEqual(result);
  });

  it('stops at once when aborted', async () => {
    const server = partsServer();
    const { client } = await clientOf(server.handler);
    const abort = new AbortController();
    const upload = client.upload(new Blob([bytes]), {
      ...options,
      parallel: 1,
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    });
    await expect(upload).rejects.toThrow('enough');
    expect(server.parts.size).toBe(1);
    await client.cancelUpload('u1');
  });

  it('gives up after the tries it has', async () => {
    const { client } = await clientOf(partsServer([2]).handler, { attempts: 1 });
    await expect(client.upload(new Blob([bytes]), options)).rejects.toMatchObject({
      status: 503,
      message: 'later',
    });
  });
});

describe('createClient', () => {
  it.each(['127.0.0.1:8080', 'localhost:8080', 'files.example', '', 'ftp://host', 'http://'])(
    'refuses an address that is none: %j',
    (baseUrl) => {
      expect(() => createClient({ baseUrl })).toThrow(/must start with http:\/\/ or https:\/\//);
    },
  );
});
