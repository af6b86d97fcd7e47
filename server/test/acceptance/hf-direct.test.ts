import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { huggingfaceBackend } from './backends.ts';
import { big, sha256Of, videoFile } from './big-file.ts';
import { curl, type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { createToken } from './tokens.ts';

const mebibyte = 2 ** 20;
const chunkBytes = 8 * mebibyte;

let folder: string;
let stowage: Stowage;
let user: CurlUser;
let hub: Awaited<ReturnType<typeof huggingfaceBackend>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-direct-'));
  hub = await huggingfaceBackend({ multipartFromBytes: 20 * mebibyte, chunkBytes });
  stowage = await startStowage({ config: { channels: [{ type: 'local' }, hub.channel] } });
  user = curlUser(stowage, folder);
});

afterAll(async () => {
  await stowage?.stop();
  await hub?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ticket {
  readonly success: boolean;
  readonly fullId: string;
  readonly filePath: string;
  readonly channelName: string;
  readonly repo: string;
  readonly needsLfs: boolean;
  readonly alreadyExists: boolean;
  readonly oid: string;
  readonly uploadAction?: {
    readonly href: string;
    readonly header: Readonly<Record<string, string>>;
  };
}

interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

let files = 0;

async function localFile(bytes: Buffer | string, name: string, type: string): Promise<LocalFile> {
  files += 1;
  const path = join(folder, `file-${files}`);
  await writeFile(path, bytes);
  return { path, name, type, bytes: Buffer.from(bytes), sha256: sha256(Buffer.from(bytes)) };
}

/** Unlike any other: the hub knows objects by their content. */
function text(words: string): string {
  files += 1;
  return `${words} ${files}\n`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function json(path: string, body: unknown, ...args: readonly string[]) {
  return user.call(
    path,
    '-X',
    'POST',
    '-H',
    'Content-Type: application/json',
    '-d',
    JSON.stringify(body),
    ...args,
  );
}

async function ask(file: LocalFile, extra: object = {}, base = '/upload/huggingface') {
  return json(`${base}/getUploadUrl`, {
    fileName: file.name,
    fileType: file.type,
    fileSize: file.bytes.length,
    sha256: file.sha256,
    fileSample: file.bytes.subarray(0, 512).toString('base64'),
    ...extra,
  });
}

async function ticketFor(file: LocalFile, extra: object = {}, base?: string): Promise<Ticket> {
  const answer = await ask(file, extra, base);
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text);
}

/** Step 2 as the Upload API's document has it, with curl and without any credentials of ours. */
async function send(ticket: Ticket, file: LocalFile): Promise<void> {
  const action = ticket.uploadAction;
  if (action === undefined) {
    return;
  }
  if (action.header.chunk_size !== undefined) {
    return sendParts(action, ticket.oid, file);
  }
  const headers = Object.entries(action.header).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  await curl('-f', '-T', file.path, ...headers, action.href);
}

async function sendParts(
  { href, header }: NonNullable<Ticket['uploadAction']>,
  oid: string,
  file: LocalFile,
): Promise<void> {
  const size = Number(header.chunk_size);
  const numbers = Object.keys(header).filter((name) => /^\d+$/.test(name));
  expect(numbers).toHaveLength(Math.ceil(file.bytes.length / size));
  const parts = [];
  for (const number of numbers.toSorted()) {
    const part = join(folder, `part-${number}`);
    const index = Number(number) - 1;
    await writeFile(part, file.bytes.subarray(index * size, (index + 1) * size));
    const head = (
      await curl('-f', '-D', '-', '-o', '/dev/null', '-T', part, header[number] ?? '')
    ).toString();
    parts.push({ partNumber: Number(number), etag: /etag: (.+)\r\n/i.exec(head)?.[1] });
  }
  const type = 'Content-Type: application/vnd.git-lfs+json';
  const answer = (
    await curl('-f', '-X', 'POST', '-H', type, '-d', JSON.stringify({ oid, parts }), href)
  ).toString();
  expect(JSON.parse(answer)).toMatchObject({ success: true });
}

function commitBody(ticket: Ticket, file: LocalFile) {
  return {
    fullId: ticket.fullId,
    filePath: ticket.filePath,
    sha256: file.sha256,
    fileSize: file.bytes.length,
  };
}

async function commit(
  ticket: Ticket,
  file: LocalFile,
  base = '/upload/huggingface',
): Promise<{ src: string; fullId: string; fileUrl: string }> {
  const answer = await json(`${base}/commitUpload`, {
    ...commitBody(ticket, file),
    fileName: file.name,
    fileType: file.type,
  });
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text);
}

async function expectReadable(src: string, file: LocalFile): Promise<void> {
  const to = join(folder, 'back');
  const answer = await user.download(src, to);
  expect(answer.status).toBe(200);
  expect(await sha256Of(to)).toBe(file.sha256);
  expect(answer.headers.get('content-type')?.split(';')[0]).toBe(file.type);
  expect((await user.range(src, '3-9')).bytes).toEqual(file.bytes.subarray(3, 10));
}

function mediaOf(name: string) {
  return async () => {
    const { media } = JSON.parse((await user.call('/media?limit=100')).text).data as {
      media: { filename: string }[];
    };
    return media.filter(({ filename }) => filename === name).length;
  };
}

describe('the direct flow by curl', () => {
  it('of a small text: needs no LFS, and nothing is sent in step 2', async () => {
    const file = await localFile(text('a short note'), 'note.txt', 'text/plain');
    const ticket = await ticketFor(file, { uploadFolder: 'notes' });
    expect(ticket).toMatchObject({
      success: true,
      needsLfs: false,
      alreadyExists: false,
      oid: file.sha256,
      repo: hub.repo,
    });
    expect(ticket.uploadAction).toBeUndefined();
    expect(ticket.fullId).toMatch(/^notes\/\d+_note\.txt$/);
    const done = await commit(ticket, file);
    expect(done).toMatchObject({
      success: true,
      src: `/file/${ticket.fullId}`,
      fullId: ticket.fullId,
    });
    expect(done.fileUrl).toBe(
      `${hub.emulator.url}/datasets/${hub.repo}/resolve/main/${ticket.filePath}`,
    );
    await expectReadable(done.src, file);
    expect((await curl('-f', '-L', done.fileUrl)).equals(file.bytes)).toBe(true);
  });

  it('of a text beyond the sample', async () => {
    const file = await localFile(text('words').repeat(400), 'long.txt', 'text/plain');
    const ticket = await ticketFor(file);
    expect(ticket.needsLfs).toBe(true);
    await send(ticket, file);
    await expectReadable((await commit(ticket, file)).src, file);
  });

  it('of a large file: one PUT', async () => {
    const video = await videoFile(folder, 12 * mebibyte + 5, 'basic.mp4');
    const file = await localFile(await readFile(video.path), 'basic.mp4', 'video/mp4');
    const ticket = await ticketFor(file, { uploadNameType: 'index' });
    expect(ticket).toMatchObject({ needsLfs: true, alreadyExists: false, oid: file.sha256 });
    expect(
      Object.values(ticket.uploadAction?.header ?? {}).every((value) => typeof value === 'string'),
    ).toBe(true);
    await send(ticket, file);
    const { src } = await commit(ticket, file);
    expect(src).toMatch(/^\/file\/\d+\.mp4$/);
    await expectReadable(src, file);
    expect(await mediaOf('basic.mp4')()).toBe(1);
  });

  it('of a multipart file, completed through the rewritten address without credentials', {
    timeout: 120_000,
  }, async () => {
    const video = await videoFile(folder, (big ? 200 : 36) * mebibyte + 99, 'parts.mp4');
    const file = await localFile(await readFile(video.path), 'parts.mp4', 'video/mp4');
    const ticket = await ticketFor(file);
    expect(
      ticket.uploadAction?.href.startsWith(`${stowage.url}/upload/huggingface/completeMultipart?`),
    ).toBe(true);
    expect(ticket.uploadAction?.header.chunk_size).toBe(String(chunkBytes));
    await send(ticket, file);
    await expectReadable((await commit(ticket, file)).src, file);
  });

  it('by the paths of older clients', async () => {
    const file = await localFile(text('old').repeat(300), 'old.txt', 'text/plain');
    const ticket = await ticketFor(file, {}, '/api/huggingface');
    await send(ticket, file);
    await expectReadable((await commit(ticket, file, '/api/huggingface')).src, file);
  });

  it('of what the hub has already: nothing is sent', async () => {
    const file = await localFile(text('twice').repeat(300), 'twice.txt', 'text/plain');
    const first = await ticketFor(file);
    await send(first, file);
    await commit(first, file);
    const second = await ticketFor(file);
    expect(second).toMatchObject({ needsLfs: true, alreadyExists: true, oid: file.sha256 });
    expect(second.uploadAction).toBeUndefined();
    const { src } = await commit(second, file);
    await expectReadable(src, file);
    expect(await mediaOf('twice.txt')()).toBe(2);
  });

  it('of what the hub has of somebody else: it is not said, and nothing is had without the bytes (T20, T30)', async () => {
    const file = await localFile(text('secret').repeat(300), 'secret.txt', 'text/plain');
    const first = await ticketFor(file);
    await send(first, file);
    await commit(first, file);
    const { headers } = await createToken(stowage, ['upload']);
    const asStranger = async (path: string, body: object) => {
      const answer = await stowage.fetch(`/upload/huggingface/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return { status: answer.status, text: await answer.text() };
    };
    const asked = await asStranger('getUploadUrl', {
      ...{
        fileName: 'copy.txt',
        fileType: 'text/plain',
        fileSize: file.bytes.length,
        sha256: file.sha256,
      },
      fileSample: '',
    });
    expect(asked.status).toBe(200);
    const ticket: Ticket = JSON.parse(asked.text);
    expect(ticket).toMatchObject({
      success: true,
      needsLfs: true,
      alreadyExists: false,
      oid: file.sha256,
    });
    const refused = await asStranger('commitUpload', commitBody(ticket, file));
    expect(refused.status).toBe(409);
    expect(refused.text).not.toContain('/file/');
    const wrong = {
      ...file,
      path: (await localFile(text('another').repeat(300), 'x', 'text/plain')).path,
    };
    await expect(send(ticket, wrong)).rejects.toThrow(/400|413/);
    expect((await asStranger('commitUpload', commitBody(ticket, file))).status).toBe(409);
    const forged = new URL(ticket.uploadAction?.href ?? '');
    forged.searchParams.set('sig', 'v1.x.y');
    expect((await fetch(forged, { method: 'PUT', body: new Uint8Array(file.bytes) })).status).toBe(
      403,
    );
    await send(ticket, file);
    const { src } = JSON.parse((await asStranger('commitUpload', commitBody(ticket, file))).text);
    await expectReadable(src, file);
  });

  it('is gone from the repository after deletion', async () => {
    const file = await localFile(text('goes').repeat(300), 'goes.txt', 'text/plain');
    const ticket = await ticketFor(file);
    await send(ticket, file);
    await commit(ticket, file);
    expect(hub.emulator.files(hub.repo)).toContain(ticket.filePath);
    const [{ id }] = JSON.parse((await user.call('/media?limit=1')).text).data.media;
    expect((await user.call(`/media/${id}`, '-X', 'DELETE')).status).toBe(200);
    await expect.poll(() => hub.emulator.files(hub.repo)).not.toContain(ticket.filePath);
    const again = await json('/upload/huggingface/commitUpload', commitBody(ticket, file));
    expect(again.status).toBe(404);
  });
});

describe('what was issued is all that can be committed', () => {
  it('not what never was, nor other values than were issued', async () => {
    const file = await localFile(text('mine').repeat(200), 'mine.txt', 'text/plain');
    const other = sha256(Buffer.from('other'));
    const ticket = await ticketFor(file);
    await send(ticket, file);
    const before = hub.emulator.commits(hub.repo).length;
    const wrong = [
      { filePath: `${ticket.filePath}x` },
      { filePath: '../../README.md' },
      { fullId: `other/${ticket.fullId}` },
      { fullId: '../../etc/passwd' },
      { sha256: other },
      { fileSize: file.bytes.length + 1 },
    ];
    for (const change of wrong) {
      const answer = await json('/upload/huggingface/commitUpload', {
        ...commitBody(ticket, file),
        ...change,
      });
      expect(answer.status, JSON.stringify(change)).toBe(403);
      expect(JSON.parse(answer.text).error).toMatch(/getUploadUrl/);
    }
    expect(hub.emulator.commits(hub.repo)).toHaveLength(before);
    expect(await mediaOf('mine.txt')()).toBe(0);
    await expectReadable((await commit(ticket, file)).src, file);
  });

  it('not what another caller was issued', async () => {
    const file = await localFile(text('theirs').repeat(200), 'theirs.txt', 'text/plain');
    const ticket = await ticketFor(file);
    await send(ticket, file);
    const made = await json('/api/manage/apiTokens', {
      name: 'other',
      owner: 'other',
      permissions: ['upload'],
    });
    const { token } = JSON.parse(made.text);
    const args = [
      '-H',
      'Content-Type: application/json',
      '-H',
      `Authorization: Bearer ${token}`,
      '-d',
      JSON.stringify(commitBody(ticket, file)),
    ];
    const answer = await curl('-i', ...args, `${stowage.url}/upload/huggingface/commitUpload`);
    expect(answer.toString()).toMatch(/^HTTP\/1.1 403 /);
    expect(await mediaOf('theirs.txt')()).toBe(0);
    await commit(ticket, file);
  });

  it('not without credentials', async () => {
    const file = await localFile(text('nobody'), 'nobody.txt', 'text/plain');
    const ticket = await ticketFor(file);
    for (const step of ['getUploadUrl', 'commitUpload', 'completeMultipart?target=x']) {
      const answer = await curl(
        '-i',
        '-d',
        JSON.stringify(commitBody(ticket, file)),
        `${stowage.url}/upload/huggingface/${step}`,
      );
      expect(answer.toString()).toMatch(/^HTTP\/1.1 401 .*\r\n\r\nUnauthorized$/s);
    }
  });

  it('not bytes that are missing at the hub; once they are there, they are', async () => {
    const file = await localFile(text('late').repeat(200), 'late.txt', 'text/plain');
    const ticket = await ticketFor(file);
    const answer = await json('/upload/huggingface/commitUpload', commitBody(ticket, file));
    expect(answer.status).toBe(409);
    expect(JSON.parse(answer.text).error).toMatch(/upload it to uploadAction\.href first/);
    expect(await mediaOf('late.txt')()).toBe(0);
    await send(ticket, file);
    await expectReadable((await commit(ticket, file)).src, file);
  });

  it('not an object of another size than announced', async () => {
    const file = await localFile(text('short').repeat(200), 'short.txt', 'text/plain');
    const ticket = await ticketFor(file);
    await send(ticket, await localFile('other bytes', 'short.txt', 'text/plain'));
    const before = hub.emulator.files(hub.repo);
    const answer = await json('/upload/huggingface/commitUpload', commitBody(ticket, file));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await mediaOf('short.txt')()).toBe(0);
    expect(hub.emulator.files(hub.repo)).toEqual(before);
  });

  it('twice or five times at once: one file, one answer', async () => {
    const file = await localFile(text('again').repeat(200), 'again.txt', 'text/plain');
    const ticket = await ticketFor(file);
    await send(ticket, file);
    const answers = await Promise.all(Array.from({ length: 5 }, () => commit(ticket, file)));
    answers.push(await commit(ticket, file));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await mediaOf('again.txt')()).toBe(1);
  });

  it('survives kill -9 between any two steps', async () => {
    const file = await localFile(text('crash').repeat(200), 'crash.txt', 'text/plain');
    const ticket = await ticketFor(file);
    await stowage.crash();
    await send(ticket, file);
    await stowage.crash();
    const { src } = await commit(ticket, file);
    await stowage.crash();
    await expectReadable(src, file);
    expect((await commit(ticket, file)).src).toBe(src);
  });
});

describe('names', () => {
  it('that collide are counted up, and can be committed; nothing is overwritten', async () => {
    const made = await Promise.all(
      ['one', 'two', 'three'].map((words) =>
        localFile(text(words).repeat(200), 'same.txt', 'text/plain'),
      ),
    );
    const wish = { uploadNameType: 'origin', uploadFolder: 'same' };
    const [first, second, third] = made as [LocalFile, LocalFile, LocalFile];
    // two tickets for one free name: whoever commits first has it
    const tickets = [await ticketFor(first, wish), await ticketFor(second, wish)] as const;
    expect(tickets.map(({ fullId }) => fullId)).toEqual(['same/same.txt', 'same/same.txt']);
    await send(tickets[1], second);
    expect((await commit(tickets[1], second)).fullId).toBe('same/same.txt');
    await send(tickets[0], first);
    expect((await commit(tickets[0], first)).fullId).toBe('same/same(1).txt');
    const counted = await ticketFor(third, wish);
    expect(counted.fullId).toBe('same/same(2).txt');
    await send(counted, third);
    expect((await commit(counted, third)).src).toBe('/file/same/same(2).txt');
    for (const [src, file] of [
      ['same', second],
      ['same(1)', first],
      ['same(2)', third],
    ] as const) {
      await expectReadable(`/file/same/${src}.txt`, file);
    }
  });

  it('and folders of attackers stay inside', async () => {
    const file = await localFile(text('up'), '../../up.txt', 'text/plain');
    const ticket = await ticketFor(file, { uploadFolder: '../../etc', uploadNameType: 'origin' });
    expect(ticket.fullId).toBe('_/_/etc/up.txt');
    await expectReadable((await commit(ticket, file)).src, file);
  });
});

describe('errors', () => {
  it('of the request are said as the Upload API says them', async () => {
    const missing = 'Missing required fields: fileSize, fileName, sha256, fileSample';
    for (const body of [{}, { fileName: 'a', fileSize: 0, sha256: 'x', fileSample: '' }]) {
      const answer = await json('/upload/huggingface/getUploadUrl', body);
      expect([answer.status, JSON.parse(answer.text).error]).toEqual([400, missing]);
    }
    const answer = await json('/upload/huggingface/commitUpload', { fullId: 'a' });
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([
      400,
      'Missing required fields: fullId, filePath, sha256, fileSize',
    ]);
  });

  it('of a tampered completion address are refused before the hub hears of them', async () => {
    const before = hub.emulator.hubLog.length;
    const bodies = JSON.stringify({ oid: 'x', parts: [{ partNumber: 1, etag: '"x"' }] });
    for (const target of [
      `${hub.emulator.url}/api/complete_multipart`,
      'http://127.0.0.1:1/',
      'https://huggingface.co/api/complete_multipart',
    ]) {
      const answer = await json(
        `/upload/huggingface/completeMultipart?target=${encodeURIComponent(target)}`,
        JSON.parse(bodies),
      );
      expect([answer.status, JSON.parse(answer.text).error]).toEqual([
        400,
        'Invalid multipart completion target',
      ]);
    }
    expect(hub.emulator.hubLog).toHaveLength(before);
  });

  it('hold no token', () => {
    for (const secret of hub.secrets) {
      expect([...user.heard, ...stowage.log].filter((said) => said.includes(secret))).toEqual([]);
    }
  });
});
