import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { curl } from '../load/curl.ts';
import { UNIQUE, uniqueNoise } from '../load/requests.ts';
import { freePort, isInstalled, isOpen, startServer } from '../processes.ts';
import type { Subject, SubjectKind } from '../subject.ts';

const config = (folder: string, port: number) => `
daemon off;
worker_processes auto;
pid ${folder}/nginx.pid;
error_log stderr;
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

const obstacle = () => (isInstalled('nginx') ? undefined : 'nginx is not installed');

/** The yardstick: DAV PUT (no fsync, no hash, no metadata) and static GET. */
export const nginx: SubjectKind = {
  id: 'nginx',
  name: 'nginx',
  obstacle,
  start: ({ folder }) => start('nginx', folder),
};

/** The same, where an upload counts only once it would survive a power cut, as with Stowage. */
export const nginxWithSync: SubjectKind = {
  id: 'nginx-sync',
  name: 'nginx + sync',
  scenarios: ['small', 'raw', 'raw50'],
  obstacle,
  start: async ({ folder }) => ({ ...(await start('nginx + sync', folder)), syncs: folder }),
};

async function start(name: string, folder: string): Promise<Subject> {
  const port = await freePort();
  for (const child of ['files', 'tmp']) {
    await mkdir(join(folder, child));
  }
  const file = join(folder, 'nginx.conf');
  await writeFile(file, config(folder, port));
  const server = await startServer({
    command: 'nginx',
    args: ['-e', 'stderr', '-c', file, '-p', folder],
    cwd: folder,
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    isUp: () => isOpen(port),
  });
  const base = `http://127.0.0.1:${port}`;
  let count = 0;
  const next = () => `${base}/raw/${count++}`;
  return {
    name,
    pid: server.pid,
    log: server.log,
    rawUpload: async (path) => ['-T', path, next()],
    smallUpload: {
      base,
      requests: [{ method: 'PUT', path: `/small/${UNIQUE}`, body: uniqueNoise(10_240) }],
    },
    async store(path) {
      const url = next();
      await curl(['-T', path, url]);
      return url;
    },
    stop: server.stop,
  };
}
