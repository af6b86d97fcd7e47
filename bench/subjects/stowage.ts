import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { curl } from '../load/curl.ts';
import { freePort, stopProcess, untilOk } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const launcher = fileURLToPath(new URL('../../server/bin/stowage.js', import.meta.url));

/** As it comes: local disk, SQLite in its default `full` durability, fsync and content hash on. Only the limits are lifted. */
export const stowage: SubjectKind = {
  name: 'Stowage',
  obstacle: () => undefined,
  async start({ folder }): Promise<Subject> {
    const port = await freePort();
    const token = randomBytes(24).toString('hex');
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
    const child = spawn(process.execPath, [launcher, 'serve'], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
    const base = `http://127.0.0.1:${port}`;
    await Promise.race([
      untilOk(`${base}/healthz`),
      once(child, 'exit').then(() => Promise.reject(new Error('Stowage ended at its start'))),
    ]);
    const authorization = `Bearer ${token}`;
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, index) => makeToken(base, authorization, `app-${index}`)));
    const upload = ['-H', `Authorization: ${authorization}`];
    return {
      name: 'Stowage',
      pid: child.pid ?? 0,
      rawUpload: async (file) => ['-T', file, '-H', 'Content-Type: video/mp4', await presign(base, authorization, file)],
      formUpload: async (file) => [...upload, '-F', `file=@${file};type=video/mp4`, `${base}/upload`],
      smallUpload: { url: `${base}/upload`, mode: 'form', headers: { authorization } },
      // An app has its own token and at most 1000 uploads open: many of them make that many requests.
      presign: { url: `${base}/api/v1/media/upload`, mode: 'json', tokens, text: request('photo.jpg', 'image/jpeg', 10_240) },
      async store(file) {
        const [{ src }] = JSON.parse(await curl([...upload, '-F', `file=@${file}`, `${base}/upload`]));
        return `${base}${src}`;
      },
      stop: () => stopProcess(child),
    };
  },
};

async function makeToken(base: string, authorization: string, owner: string): Promise<string> {
  const headers = { authorization, 'content-type': 'application/json' };
  const body = JSON.stringify({ name: owner, owner, permissions: ['upload'] });
  const { token } = (await (await fetch(`${base}/api/manage/apiTokens`, { method: 'POST', headers, body })).json()) as {
    token?: string;
  };
  if (token === undefined) throw new Error('Stowage made no token');
  return token;
}

function request(filename: string, content_type: string, size: number): string {
  return JSON.stringify({ filename, content_type, size });
}

async function presign(base: string, authorization: string, file: string): Promise<string> {
  const { size } = await stat(file);
  const headers = { authorization, 'content-type': 'application/json' };
  const response = await fetch(`${base}/api/v1/media/upload`, {
    method: 'POST',
    headers,
    body: request('video.mp4', 'video/mp4', size),
  });
  const { data, error } = (await response.json()) as { data?: { upload_url: string }; error?: { message: string } };
  if (data === undefined || data === null) throw new Error(error?.message ?? `status ${response.status}`);
  return data.upload_url;
}
