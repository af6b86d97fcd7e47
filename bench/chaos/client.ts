import { setTimeout as pause } from 'node:timers/promises';
import {
  bytesOf,
  type Content,
  type Entry,
  type Ledger,
  makeContent,
  now,
  sha256,
} from './ledger.ts';
import type { Server } from './server.ts';

/**
 * `calm`: the server lives on a healthy disk (or was killed a moment ago). `full`: the disk is.
 * `dead`: it cannot write or read.
 */
export type Weather = 'calm' | 'full' | 'dead';

export interface World {
  readonly server: Server;
  readonly ledger: Ledger;
  weather: Weather;
  isOver: boolean;
}

interface Answer {
  /** 0 when none came. */
  readonly status: number;
  readonly body: Buffer;
}

/** More are deleted again, so that the disk does not fill up by itself. */
const maxKept = 250;
/** Of one step of an upload, repeated until it is answered. */
const patienceMs = 60_000;
const callLimitMs = 20_000;
let seeds = 0;

/**
 * Uploads in every way, reads, reads ranges and deletes, one after the other, until it is over.
 * Notes every promise, and every one that is not kept.
 */
export async function work(world: World): Promise<void> {
  const ways = [uploadBasic, uploadBasic, uploadChunked, uploadPresigned];
  while (!world.isOver) {
    const upload = ways[Math.floor(Math.random() * ways.length)] ?? uploadBasic;
    await upload(world);
    await readOne(world);
    await readRange(world);
    if (kept(world).length > maxKept || Math.random() < 0.3) {
      await deleteOne(world);
    }
  }
}

const kept = ({ ledger }: World): readonly Entry[] =>
  ledger.entries.filter(({ state }) => state === 'kept');

async function call(
  world: World,
  operation: string,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const { server, ledger } = world;
  try {
    const headers = { authorization: server.authorization, ...init.headers };
    const before = world.weather;
    const response = await fetch(new URL(path, server.base), {
      ...init,
      headers,
      signal: AbortSignal.timeout(callLimitMs),
    });
    const body = Buffer.from(await response.arrayBuffer());
    ledger.count(operation, response.status);
    // What a disk without power still seems to hold is not what it held: only promises count then.
    if (response.status >= 300 && (before === 'dead' || world.weather === 'dead')) {
      return { status: 503, body };
    }
    return { status: response.status, body };
  } catch {
    ledger.count(operation, 0);
    // It is being killed or started.
    await pause(100);
    return { status: 0, body: Buffer.alloc(0) };
  }
}

/**
 * Repeats a step that may be repeated until the answer is definite; undefined when that takes too
 * long or it is over.
 */
async function persist(
  world: World,
  operation: string,
  step: () => Promise<Answer>,
): Promise<Answer | undefined> {
  let last = '';
  for (const until = Date.now() + patienceMs; Date.now() < until; ) {
    const answer = await step();
    if (answer.status !== 0 && answer.status < 500 && answer.status !== 409) {
      return answer;
    }
    last = `${answer.status} ${answer.body}`;
    if (answer.status === 507 || world.isOver) {
      return undefined;
    }
    await pause(50);
  }
  if (world.weather === 'calm') {
    world.ledger.fault('stuck', `${operation} was not answered for a minute, at last ${last}`);
  }
  return undefined;
}

function promise({ ledger }: World, src: string, bytes: Content): void {
  ledger.entries.push({ src, bytes, state: 'kept', said: `acknowledged at ${now()}` });
}

function formOf(
  fields: Readonly<Record<string, string>>,
  bytes?: Uint8Array<ArrayBuffer>,
  name = 'a.bin',
): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) {
    form.append(field, value);
  }
  if (bytes !== undefined) {
    form.append('file', new Blob([bytes], { type: 'application/octet-stream' }), name);
  }
  return form;
}

const srcOf = ({ body }: Answer): string =>
  (JSON.parse(body.toString()) as [{ src: string }])[0].src;
const randomSize = (): number => 1 + Math.floor(Math.random() ** 3 * 300_000);

async function uploadBasic(world: World): Promise<void> {
  const content = makeContent(++seeds, randomSize());
  const answer = await call(world, 'upload', '/upload', {
    method: 'POST',
    body: formOf({}, bytesOf(content)),
  });
  if (answer.status === 200) {
    promise(world, srcOf(answer), content);
  }
}

async function uploadChunked(world: World): Promise<void> {
  const content = makeContent(++seeds, 3 * randomSize());
  const bytes = bytesOf(content);
  const fields = {
    totalChunks: '3',
    originalFileName: 'chunked.bin',
    originalFileType: 'application/octet-stream',
  };
  const begun = await persist(world, 'init', () =>
    call(world, 'init', '/upload?initChunked=true', { method: 'POST', body: formOf(fields) }),
  );
  if (begun?.status !== 200) {
    return;
  }
  const { uploadId } = JSON.parse(begun.body.toString()) as { uploadId: string };
  const size = Math.ceil(bytes.length / 3);
  for (const index of [2, 0, 1]) {
    const chunk = bytes.subarray(index * size, (index + 1) * size);
    const body = () => formOf({ ...fields, uploadId, chunkIndex: String(index) }, chunk, 'blob');
    const answer = await persist(world, 'chunk', () =>
      call(world, 'chunk', '/upload?chunked=true', { method: 'POST', body: body() }),
    );
    if (answer === undefined) {
      return;
    }
    if (answer.status !== 200) {
      return world.ledger.fault('stuck', `chunk ${index}: ${answer.status} ${answer.body}`);
    }
  }
  const merge = () =>
    call(world, 'merge', '/upload?chunked=true&merge=true', {
      method: 'POST',
      body: formOf({ ...fields, uploadId }),
    });
  const merged = await persist(world, 'merge', merge);
  if (merged?.status === 200) {
    promise(world, srcOf(merged), content);
  } else if (merged !== undefined) {
    world.ledger.fault('stuck', `merge: ${merged.status} ${merged.body}`);
  }
}

interface Envelope<T> {
  readonly data: T;
}

async function uploadPresigned(world: World): Promise<void> {
  const content = makeContent(++seeds, 100 + randomSize(), true);
  const json = JSON.stringify({
    filename: 'paper.pdf',
    content_type: 'application/pdf',
    size: content.size,
  });
  const headers = { 'content-type': 'application/json' };
  const begun = await persist(world, 'presign', () =>
    call(world, 'presign', '/api/v1/media/upload', { method: 'POST', headers, body: json }),
  );
  if (begun === undefined) {
    return;
  }
  if (begun.status >= 300) {
    return world.ledger.fault('stuck', `presign: ${begun.status} ${begun.body}`);
  }
  const { media_id: id, upload_url: url } = (
    JSON.parse(begun.body.toString()) as Envelope<{ media_id: string; upload_url: string }>
  ).data;
  const put = await persist(world, 'put', () =>
    call(world, 'put', url, {
      method: 'PUT',
      headers: { 'content-type': 'application/pdf' },
      body: bytesOf(content),
    }),
  );
  if (put === undefined) {
    return;
  }
  if (put.status !== 200) {
    return world.ledger.fault('stuck', `put: ${put.status} ${put.body}`);
  }
  const done = await persist(world, 'complete', () =>
    call(world, 'complete', `/api/v1/media/${id}/complete`, { method: 'POST' }),
  );
  if (done === undefined) {
    return;
  }
  if (done.status >= 300) {
    return world.ledger.fault('stuck', `complete: ${done.status} ${done.body}`);
  }
  const { data } = JSON.parse(done.body.toString()) as Envelope<{ url: string }>;
  promise(world, new URL(data.url).pathname, content);
}

function pick<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}

async function readOne(world: World): Promise<void> {
  const entry = pick(kept(world));
  if (entry !== undefined) {
    judge(world, entry, await call(world, 'read', entry.src), entry.bytes.sha256);
  }
}

async function readRange(world: World): Promise<void> {
  const entry = pick(kept(world));
  if (entry === undefined) {
    return;
  }
  const start = Math.floor(Math.random() * entry.bytes.size);
  const end = Math.min(entry.bytes.size - 1, start + Math.floor(Math.random() * 50_000));
  const wanted = sha256(bytesOf(entry.bytes).subarray(start, end + 1));
  judge(
    world,
    entry,
    await call(world, 'range', entry.src, { headers: { range: `bytes=${start}-${end}` } }),
    wanted,
  );
}

function judge(
  { ledger, weather }: World,
  { src, state, said }: Entry,
  { status, body }: Answer,
  wanted: string,
): void {
  if (status === 200 || status === 206) {
    if (sha256(body) !== wanted) {
      ledger.fault('corrupt', `${src} while it was read`);
    }
    return;
  }
  // Another worker may delete it meanwhile.
  if (status === 404 && state === 'kept') {
    ledger.fault('lost', `${src} while the server ran, ${said}`);
  }
  if (status >= 500 && state === 'kept' && weather === 'full') {
    ledger.fault('unreadable', `${src}: ${status} on a full disk`);
  }
}

async function deleteOne(world: World): Promise<void> {
  const entry = pick(kept(world));
  if (entry === undefined) {
    return;
  }
  entry.state = 'deleting';
  const path = `/api/manage/delete/${entry.src.slice('/file/'.length)}`;
  const answer = await persist(world, 'delete', async () => {
    const said = await call(world, 'delete', path, { method: 'DELETE' });
    if (said.status === 507) {
      world.ledger.fault('full', `${entry.src} cannot be deleted on a full disk`);
    }
    return said;
  });
  if (answer?.status === 200) {
    entry.state = 'deleted';
    entry.said = `deleted at ${now()}: ${answer.body}`;
  } else if (answer !== undefined) {
    world.ledger.fault('stuck', `delete: ${answer.status} ${answer.body}`);
  }
}
