import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { curl } from '../load/curl.ts';
import { freePort, stopProcess, untilOpen } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const VERSION = { 'tus-resumable': '1.0.0' };
const asArguments = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);

/** The best-kept upload server of the same platform, on the same Node. */
export const tus: SubjectKind = {
  name: '@tus/server',
  obstacle: () => undefined,
  async start({ folder }): Promise<Subject> {
    const port = await freePort();
    const script = fileURLToPath(new URL('./tus-server.ts', import.meta.url));
    const child = spawn(process.execPath, [script, String(port), folder], { stdio: 'inherit' });
    await untilOpen(port);
    const base = `http://127.0.0.1:${port}`;

    /** The upload has to be made first; what is measured is the transfer. */
    async function create(file: string): Promise<string> {
      const { size } = await stat(file);
      const response = await fetch(`${base}/files`, {
        method: 'POST',
        headers: { ...VERSION, 'upload-length': String(size) },
      });
      return new URL(response.headers.get('location') ?? '', `${base}/files`).href;
    }
    const patch = {
      ...VERSION,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': '0',
    };
    const send = (file: string, url: string) => [
      '-X',
      'PATCH',
      ...asArguments(patch),
      '-T',
      file,
      url,
    ];
    return {
      name: '@tus/server',
      pid: child.pid ?? 0,
      rawUpload: async (file) => send(file, await create(file)),
      smallUpload: { url: `${base}/files`, mode: 'tus' },
      async store(file) {
        const url = await create(file);
        await curl(send(file, url));
        return url;
      },
      stop: () => stopProcess(child),
    };
  },
};
