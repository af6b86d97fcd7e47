import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { curl } from '../load/curl.ts';
import { freePort, isInstalled, stopProcess, untilOpen } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const config = (folder: string, port: number) => `
daemon off;
worker_processes auto;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
user root;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path ${folder}/tmp;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${folder}/files;
    location / { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`;

/** The yardstick: DAV PUT (no fsync, no hash, no metadata) and static GET. */
export const nginx: SubjectKind = {
  name: 'nginx',
  obstacle: () => (isInstalled('nginx') ? undefined : 'nginx is not installed'),
  async start({ folder }): Promise<Subject> {
    const port = await freePort();
    for (const name of ['files', 'tmp']) {
      await mkdir(join(folder, name));
    }
    await writeFile(join(folder, 'nginx.conf'), config(folder, port));
    const child = spawn(
      'nginx',
      ['-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf'), '-p', folder],
      {
        stdio: 'inherit',
      },
    );
    await untilOpen(port);
    const base = `http://127.0.0.1:${port}`;
    let count = 0;
    const next = () => `${base}/raw/${count++}`;
    return {
      name: 'nginx',
      pid: child.pid ?? 0,
      rawUpload: async (file) => ['-T', file, next()],
      smallUpload: { url: `${base}/small`, mode: 'put' },
      async store(file) {
        const url = next();
        await curl(['-T', file, url]);
        return url;
      },
      stop: () => stopProcess(child),
    };
  },
};
