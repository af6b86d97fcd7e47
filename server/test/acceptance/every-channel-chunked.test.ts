import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3Missing } from '../services/s3.ts';
import { davMissing } from '../services/webdav.ts';
import {
  type Backend,
  discordBackend,
  huggingfaceBackend,
  localBackend,
  s3Backends,
  telegramBackend,
  webdavBackend,
} from './backends.ts';
import { type BigFile, sha256Of, slice, videoFile } from './big-file.ts';
import { type Stowage, startStowage } from './harness.ts';
import { type CurlUser, curlUser } from './http-by-curl.ts';
import { eventually } from './requests.ts';

const mebibyte = 2 ** 20;
const chunkBytes = 5 * mebibyte;
const total = 6;

let folder: string;
let stowage: Stowage;
let user: CurlUser;
let video: BigFile;
let s3: Awaited<ReturnType<typeof s3Backends>> | undefined;
const backends = new Map<string, Backend>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-chunked-'));
  video = await videoFile(folder, (total - 1) * chunkBytes + 777_777);
  for (let index = 0; index < total; index++) {
    await writeFile(chunkPath(index), await bytesOfChunk(index));
  }
  s3 = s3Missing === undefined ? await s3Backends(['s3', 'cfr2']) : undefined;
  const [s3Backend, r2Backend] = s3?.backends ?? [];
  backends.set(
    'local',
    localBackend(() => stowage.dataDir),
  );
  if (s3Backend) {
    backends.set('s3', s3Backend);
  }
  if (r2Backend) {
    backends.set('cfr2', r2Backend);
  }
  backends.set('telegram', await telegramBackend());
  backends.set('discord', await discordBackend());
  backends.set('huggingface', await huggingfaceBackend());
  const channels = [...backends.values()].map(({ channel }) => channel);
  if (davMissing('apache') === undefined) {
    const dav = await webdavBackend();
    backends.set('webdav', dav);
    channels.push(dav.channel, { ...dav.channel, name: 'in-segments', segments: true });
  }
  stowage = await startStowage({ config: { channels } });
  user = curlUser(stowage, folder);
});

afterAll(async () => {
  await stowage?.stop();
  await Promise.all([...backends.values()].map((backend) => backend.stop()));
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
});

function chunkPath(index: number): string {
  return join(folder, `chunk-${index}`);
}

function bytesOfChunk(index: number): Promise<Buffer> {
  return slice(
    video.path,
    index * chunkBytes,
    Math.min((index + 1) * chunkBytes, video.sizeBytes) - 1,
  );
}

const common = [
  '-F',
  'originalFileName=video.mp4',
  '-F',
  'originalFileType=video/mp4',
  '-F',
  `totalChunks=${total}`,
];

function init(query: string) {
  return user.call(`/upload?initChunked=true&${query}`, ...common);
}

async function initialized(query: string): Promise<string> {
  const answer = await init(query);
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text).uploadId;
}

async function sendChunk(query: string, uploadId: string, index: number): Promise<void> {
  const fields = [
    '-F',
    `uploadId=${uploadId}`,
    '-F',
    `chunkIndex=${index}`,
    '-F',
    `file=@${chunkPath(index)}`,
  ];
  const answer = await user.call(`/upload?chunked=true&${query}`, ...common, ...fields);
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${answer.text}`);
  }
}

async function merge(query: string, uploadId: string): Promise<string> {
  const answer = await user.call(
    `/upload?chunked=true&merge=true&${query}`,
    ...common,
    '-F',
    `uploadId=${uploadId}`,
  );
  if (answer.status !== 200) {
    throw new Error(`${answer.status}: ${answer.text}`);
  }
  return JSON.parse(answer.text)[0].src;
}

async function chunksIn(uploadId: string): Promise<readonly number[]> {
  return JSON.parse((await user.call(`/upload/status?uploadId=${uploadId}`)).text).uploadedChunks;
}

/** A chunk of which the server gets the first half, and then nothing more. */
async function sendHalfOf(query: string, uploadId: string, index: number): Promise<void> {
  const form = new FormData();
  const fields = {
    originalFileName: 'video.mp4',
    originalFileType: 'video/mp4',
    totalChunks: total,
    uploadId,
    chunkIndex: index,
  };
  for (const [name, value] of Object.entries(fields)) {
    form.append(name, String(value));
  }
  form.append('file', new Blob([new Uint8Array(await bytesOfChunk(index))]), 'blob');
  const whole = new Response(form);
  const body = Buffer.from(await whole.arrayBuffer());
  const request = httpRequest(new URL(`/upload?chunked=true&${query}`, stowage.url), {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${stowage.adminToken}`,
      'content-type': whole.headers.get('content-type') ?? '',
      'content-length': body.length,
    },
  });
  request.on('error', () => undefined);
  await new Promise<void>((resolve) =>
    request.write(body.subarray(0, body.length / 2), () => resolve()),
  );
}

describe.each(['local', 's3', 'cfr2', 'telegram', 'discord', 'webdav'])('chunks to %s', (group) => {
  const reason = { s3: s3Missing, cfr2: s3Missing, webdav: davMissing('apache') }[group];
  const query = `uploadChannel=${group}&autoRetry=false${group === 'webdav' ? '&channelName=in-segments' : ''}`;

  it.skipIf(reason)(
    `survive kill -9 in the middle, and a resumed upload is the file${reason ? ` (${reason})` : ''}`,
    async () => {
      const backend = backends.get(group);
      const uploadId = await initialized(query);
      await Promise.all([4, 1].map((index) => sendChunk(query, uploadId, index)));
      await sendHalfOf(query, uploadId, 3);
      await stowage.crash();

      const there = await chunksIn(uploadId);
      expect(there.toSorted()).toEqual([1, 4]);
      const rest = [5, 3, 2, 0].filter((index) => !there.includes(index));
      await Promise.all(rest.map((index) => sendChunk(query, uploadId, index)));
      const src = await merge(`${query}&uploadFolder=from/${group}`, uploadId);
      expect(src).toMatch(new RegExp(`^/file/from/${group}/`));
      expect(await merge(query, uploadId)).toBe(src);

      const to = join(folder, `back-${group}`);
      await user.download(src, to);
      expect(await sha256Of(to)).toBe(video.sha256);
      for (const border of [1, 2, 5].map((count) => count * chunkBytes)) {
        const { bytes } = await user.range(src, `${border - 100}-${border + 99}`);
        expect(bytes.equals(await slice(video.path, border - 100, border + 99))).toBe(true);
      }

      const listed = JSON.parse((await user.call('/media?limit=1')).text).data.media[0];
      expect((await user.call(`/media/${listed.id}`, '-X', 'DELETE')).status).toBe(200);
      await eventually(async () => expect(await backend?.stored()).toBe(0));
    },
  );

  it.skipIf(reason)('leave nothing when the upload is given up', async () => {
    const backend = backends.get(group);
    const uploadId = await initialized(query);
    await Promise.all([0, 2].map((index) => sendChunk(query, uploadId, index)));
    expect(await backend?.stored()).toBeGreaterThan(0);
    expect(
      (
        await user.call(
          `/upload?cleanup=true&uploadId=${uploadId}&totalChunks=${total}`,
          '-X',
          'POST',
        )
      ).status,
    ).toBe(200);
    await eventually(async () => expect(await backend?.stored()).toBe(0));
  });
});

describe('channels that take no chunks', () => {
  it.skipIf(davMissing('apache'))('WebDAV says so in the words of the Upload API', async () => {
    const { status, text } = await init('uploadChannel=webdav');
    expect(status).toBe(400);
    expect(text).toBe(
      'Error: WebDAV channel does not support chunked uploads. Please use non-chunked upload within your Cloudflare request body limit.',
    );
  });

  it.each(['huggingface', 'cloudflare_images', 'external'])(
    '%s is refused at once',
    async (group) => {
      const { status, text } = await init(`uploadChannel=${group}`);
      expect(status).toBe(400);
      expect(text).toMatch(/^Error: /);
    },
  );
});

it('no secret was said or logged on the way', () => {
  const secrets = [...backends.values()].flatMap((backend) => backend.secrets);
  for (const secret of secrets) {
    expect([...user.heard, ...stowage.log].filter((text) => text.includes(secret))).toEqual([]);
  }
});
