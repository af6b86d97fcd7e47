import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { s3Missing, startS3 } from '../../server/test/services/s3.ts';
import { curl, curlInTurn } from '../load/curl.ts';
import { freePort, stopProcess, untilOk } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const launcher = fileURLToPath(new URL('../../server/bin/stowage.js', import.meta.url));

/**
 * As it comes: local disk, SQLite in its default `full` durability, fsync and content hash on. Only
 * the limits are lifted.
 */
export const stowage: SubjectKind = {
  name: 'Stowage',
  obstacle: () => undefined,
  start: ({ folder }) => start({ name: 'Stowage', folder, channels: [] }),
};

/**
 * In front of Ceph's radosgw, which keeps its objects in memory (12 GiB of them in these scenarios)
 * and works on the same cores. Presigned bytes pass Stowage by: only the calls before and after
 * count.
 */
export const stowageOnS3: SubjectKind = {
  name: 'Stowage on S3',
  scenarios: ['one', 'chunks5', 'chunks8', 'chunks16', 'chunked20', 'presign', 'complete', 'read'],
  obstacle: () => s3Missing,
  async start({ folder }) {
    const s3 = await startS3({ memoryGiB: 13 });
    try {
      await s3.createBucket('bench');
      const { endpoint, region, accessKeyId, secretAccessKey } = s3;
      const channel = {
        type: 's3',
        name: 'main',
        endpoint,
        region,
        bucket: 'bench',
        accessKeyId,
        secretAccessKey,
      };
      const subject = await start({ name: 'Stowage on S3', folder, channels: [channel] });
      return { ...subject, stop: () => subject.stop().finally(() => s3.stop()) };
    } catch (error) {
      await s3.stop();
      throw error;
    }
  },
};

interface StartOptions {
  readonly name: string;
  readonly folder: string;
  readonly channels: readonly unknown[];
}

async function start({ name, folder, channels }: StartOptions): Promise<Subject> {
  const port = await freePort();
  const token = randomBytes(24).toString('hex');
  if (channels.length > 0) {
    await writeFile(join(folder, 'stowage.config.json'), JSON.stringify({ channels }));
  }
  const env = {
    PATH: process.env.PATH,
    PORT: String(port),
    STOWAGE_DATA_DIR: folder,
    STOWAGE_ADMIN_TOKEN: token,
    STOWAGE_LOG_LEVEL: 'warn',
    STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
    STOWAGE_RATE_LIMIT_PER_HOUR: '0',
    STOWAGE_MEDIA_MAX_VIDEO_BYTES: '10GiB',
  };
  const child = spawn(process.execPath, [launcher, 'serve'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const base = `http://127.0.0.1:${port}`;
  await Promise.race([
    untilOk(`${base}/healthz`),
    once(child, 'exit').then(() => Promise.reject(new Error('Stowage ended at its start'))),
  ]);
  const authorization = `Bearer ${token}`;
  // An app has its own token and at most 1000 uploads open: many of them make as many requests as
  // the load needs.
  const tokens = await Promise.all(
    Array.from({ length: 100 }, (_, index) => makeToken(base, authorization, `app-${index}`)),
  );
  const upload = ['-H', `Authorization: ${authorization}`];
  const presignAs = (owner: string, file: string, contentType: string) =>
    presign({ base, authorization: owner, file, contentType });
  return {
    name,
    pid: child.pid ?? 0,
    async rawUpload(file) {
      return putTo(await presignAs(authorization, file, 'video/mp4'), file, 'video/mp4');
    },
    formUpload: async (file) => [...upload, '-F', `file=@${file};type=video/mp4`, `${base}/upload`],
    async chunkedUpload(chunks) {
      const names = [
        '-F',
        'originalFileName=video.mp4',
        '-F',
        'originalFileType=video/mp4',
        '-F',
        `totalChunks=${chunks.length}`,
      ];
      const init = await curl([...upload, ...names, `${base}/upload?initChunked=true`]);
      const fields = [...upload, ...names, '-F', `uploadId=${JSON.parse(init).uploadId}`];
      return {
        chunks: chunks.map((chunk, index) => [
          ...fields,
          ...['-F', `chunkIndex=${index}`, '-F', `file=@${chunk}`, `${base}/upload?chunked=true`],
        ]),
        merge: [...fields, `${base}/upload?chunked=true&merge=true`],
      };
    },
    async presigned(picture, count) {
      const uploads = await Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const owner = `Bearer ${tokens[index % tokens.length]}`;
          return { owner, ...(await presignAs(owner, picture, 'image/png')) };
        }),
      );
      await curlInTurn(
        uploads.map((one) => putTo(one, picture, 'image/png')),
        16,
      );
      const last = ['-X', 'POST', '-H', 'Content-Type: application/json', '-d', '{}'];
      return uploads.map(({ owner, id }) => [
        ...last,
        '-H',
        `Authorization: ${owner}`,
        `${base}/api/v1/media/${id}/complete`,
      ]);
    },
    smallUpload: { url: `${base}/upload`, mode: 'form', headers: { authorization } },
    presign: {
      url: `${base}/api/v1/media/upload`,
      mode: 'json',
      tokens,
      text: request('photo.jpg', 'image/jpeg', 10_240),
    },
    async store(file) {
      const [{ src }] = JSON.parse(
        await curl([...upload, '-F', `file=@${file}`, `${base}/upload`]),
      );
      return `${base}${src}`;
    },
    stop: () => stopProcess(child),
  };
}

function putTo({ url }: Presigned, file: string, contentType: string): readonly string[] {
  return ['-T', file, '-H', `Content-Type: ${contentType}`, url];
}

async function makeToken(base: string, authorization: string, owner: string): Promise<string> {
  const headers = { authorization, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: owner, owner, permissions: ['upload'] });
  const { token } = (await (
    await fetch(`${base}/api/manage/apiTokens`, { method: 'POST', headers, body })
  ).json()) as {
    token?: string;
  };
  if (token === undefined) {
    throw new Error('Stowage made no token');
  }
  return token;
}

function request(filename: string, content_type: string, size: number): string {
  return JSON.stringify({ filename, content_type, size });
}

interface Presigned {
  readonly id: string;
  readonly url: string;
}

interface Wanted {
  readonly base: string;
  readonly authorization: string;
  readonly file: string;
  readonly contentType: string;
}

async function presign({ base, authorization, file, contentType }: Wanted): Promise<Presigned> {
  const { size } = await stat(file);
  const headers = { authorization, 'content-type': 'application/json' };
  const body = request(basename(file), contentType, size);
  const response = await fetch(`${base}/api/v1/media/upload`, { method: 'POST', headers, body });
  const { data, error } = (await response.json()) as {
    data: { media_id: string; upload_url: string } | null;
    error: { message: string } | null;
  };
  if (data === null) {
    throw new Error(error?.message ?? `status ${response.status}`);
  }
  return { id: data.media_id, url: data.upload_url };
}
