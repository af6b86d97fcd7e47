import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type CurlArguments, curl } from '../load/curl.ts';
import { formOf, type LoadRequest, uniqueNoise } from '../load/requests.ts';
import { wrk } from '../load/wrk.ts';
import type { Subject } from '../subject.ts';

/** What the two APIs of a running Stowage can do for a measurement. */
export type StowageClient = Omit<Subject, 'name' | 'pid' | 'log' | 'stop'>;

/**
 * An app has at most 1000 uploads open: so many of them make as many requests as the load needs.
 */
const APPS = 100;
const PAGE = 20;
const CALLERS = 32;

export function createStowageClient(base: string, adminToken: string): StowageClient {
  const authorization = `Bearer ${adminToken}`;
  const withToken = ['-H', `Authorization: ${authorization}`];
  const presignAs = (owner: string, file: string, contentType: string) =>
    presign({ base, authorization: owner, file, contentType });
  const makeApps = () =>
    Promise.all(Array.from({ length: APPS }, (_, index) => makeApp(base, authorization, index)));
  return {
    async rawUpload(file) {
      const { url } = await presignAs(authorization, file, 'video/mp4');
      return ['-T', file, '-H', 'Content-Type: video/mp4', url];
    },
    formUpload: async (file) => [
      ...withToken,
      '-F',
      `file=@${file};type=video/mp4`,
      `${base}/upload`,
    ],
    chunkedUpload: (chunks) => chunkedUpload(base, withToken, chunks),
    async completions(picture, count) {
      const apps = await makeApps();
      const uploads = await inTurn(count, async (index) => {
        const owner = apps[index % apps.length] ?? '';
        return { owner, ...(await presignAs(owner, picture, 'image/png')) };
      });
      const puts = await putsOf(picture, uploads);
      await wrk({ base, requests: puts }, { callers: CALLERS, requests: count });
      return { base, requests: uploads.map(completion) };
    },
    smallUpload: { base, requests: [smallForm(authorization)] },
    async presign() {
      const body = presignBody('photo.jpg', 'image/jpeg', 10_240);
      const requests = (await makeApps()).map((app) => jsonPost('/api/v1/media/upload', app, body));
      return { base, requests };
    },
    listPages: (files) => ({ base, requests: pages(files, authorization) }),
    async store(file) {
      const answer = await curl([...withToken, '-F', `file=@${file}`, `${base}/upload`]);
      const [{ src }] = JSON.parse(answer);
      return `${base}${src}`;
    },
  };
}

function smallForm(authorization: string): LoadRequest {
  const { headers, body } = formOf(uniqueNoise(10_240));
  return { method: 'POST', path: '/upload', headers: { ...headers, authorization }, body };
}

async function chunkedUpload(base: string, withToken: CurlArguments, chunks: readonly string[]) {
  const names = [
    ...['-F', 'originalFileName=video.mp4'],
    ...['-F', 'originalFileType=video/mp4'],
    ...['-F', `totalChunks=${chunks.length}`],
  ];
  const init = await curl([...withToken, ...names, `${base}/upload?initChunked=true`]);
  const fields = [...withToken, ...names, '-F', `uploadId=${JSON.parse(init).uploadId}`];
  return {
    chunks: chunks.map((chunk, index) => [
      ...fields,
      ...['-F', `chunkIndex=${index}`, '-F', `file=@${chunk}`, `${base}/upload?chunked=true`],
    ]),
    merge: [...fields, `${base}/upload?chunked=true&merge=true`],
  };
}

/** Calls `work` for 0 to `count` - 1, as many at once as there are callers. */
async function inTurn<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const caller = async () => {
    for (let index = next++; index < count; index = next++) {
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return results;
}

async function putsOf(
  picture: string,
  uploads: readonly Presigned[],
): Promise<readonly LoadRequest[]> {
  const body = await readFile(picture);
  return uploads.map(({ url }) => {
    const { pathname, search } = new URL(url);
    const headers = { 'Content-Type': 'image/png' };
    return { method: 'PUT', path: `${pathname}${search}`, headers, body };
  });
}

function completion({ owner, id }: Presigned & { readonly owner: string }): LoadRequest {
  return jsonPost(`/api/v1/media/${id}/complete`, owner, '{}');
}

function jsonPost(path: string, authorization: string, body: string): LoadRequest {
  const headers = { authorization, 'Content-Type': 'application/json' };
  return { method: 'POST', path, headers, body };
}

function pages(files: number, authorization: string): readonly LoadRequest[] {
  return Array.from({ length: Math.ceil(files / PAGE) }, (_, page) => ({
    method: 'GET',
    path: `/api/v1/media?limit=${PAGE}&offset=${page * PAGE}`,
    headers: { authorization },
  }));
}

/** Returns the credentials of a new app. */
async function makeApp(base: string, authorization: string, index: number): Promise<string> {
  const headers = { authorization, 'content-type': 'application/json' };
  const name = `app-${index}`;
  const body = JSON.stringify({ name, owner: name, permissions: ['upload'] });
  const response = await fetch(`${base}/api/manage/apiTokens`, { method: 'POST', headers, body });
  const { token } = (await response.json()) as { readonly token?: string };
  if (token === undefined) {
    throw new Error(`status ${response.status}: there is no token in the answer`);
  }
  return `Bearer ${token}`;
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
  const body = presignBody(basename(file), contentType, size);
  const response = await fetch(`${base}/api/v1/media/upload`, { method: 'POST', headers, body });
  const answer = await response.text();
  if (!response.ok) {
    throw new Error(`status ${response.status}: ${answer.slice(0, 300)}`);
  }
  const { data } = JSON.parse(answer) as {
    readonly data: { readonly media_id: string; readonly upload_url: string };
  };
  return { id: data.media_id, url: data.upload_url };
}

function presignBody(filename: string, contentType: string, size: number): string {
  return JSON.stringify({ filename, content_type: contentType, size });
}
