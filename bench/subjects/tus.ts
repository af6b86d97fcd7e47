import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type CurlArguments, curl } from '../load/curl.ts';
import { uniqueNoise } from '../load/requests.ts';
import { freePort, isOpen, startServer } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const VERSION = { 'tus-resumable': '1.0.0' };
const PATCH = {
  ...VERSION,
  'content-type': 'application/offset+octet-stream',
  'upload-offset': '0',
};

/** The best-kept upload server of the same platform, on the same Node. */
export const tus: SubjectKind = {
  id: 'tus',
  name: '@tus/server',
  obstacle: () => undefined,
  async start({ folder }): Promise<Subject> {
    const port = await freePort();
    const script = fileURLToPath(new URL('./tus-server.ts', import.meta.url));
    const server = await startServer({
      command: process.execPath,
      args: [script, String(port), folder],
      cwd: folder,
      env: { PATH: process.env.PATH },
      isUp: () => isOpen(port),
    });
    const base = `http://127.0.0.1:${port}`;
    // The upload has to be made first; what is measured is the transfer.
    const rawUpload = async (file: string) => patch(file, await create(base, file));
    return {
      name: '@tus/server',
      pid: server.pid,
      log: server.log,
      rawUpload,
      smallUpload: { base, requests: [creationWithUpload(uniqueNoise(10_240))] },
      async store(file) {
        const url = await create(base, file);
        await curl(patch(file, url));
        return url;
      },
      stop: server.stop,
    };
  },
};

async function create(base: string, file: string): Promise<string> {
  const { size } = await stat(file);
  const headers = { ...VERSION, 'upload-length': String(size) };
  const response = await fetch(`${base}/files`, { method: 'POST', headers });
  return new URL(response.headers.get('location') ?? '', `${base}/files`).href;
}

function patch(file: string, url: string): CurlArguments {
  const headers = Object.entries(PATCH).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return ['-X', 'PATCH', ...headers, '-T', file, url];
}

function creationWithUpload(body: Buffer) {
  const headers = {
    'Tus-Resumable': '1.0.0',
    'Upload-Length': String(body.length),
    'Content-Type': 'application/offset+octet-stream',
  };
  return { method: 'POST', path: '/files', headers, body };
}
