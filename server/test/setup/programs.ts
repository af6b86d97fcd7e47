import { accessSync, constants, existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that suites run, from Debian packages. */
export interface Need {
  /**
   * Names on the PATH, or glob patterns of files when they contain a slash; every one is needed.
   */
  readonly programs: readonly string[];
  readonly packages: readonly string[];
  /** What is skipped without them. */
  readonly suites: string;
}

const needs: readonly Need[] = [
  {
    programs: ['curl', 'jq'],
    packages: ['curl', 'jq'],
    suites: 'README commands and acceptance by curl',
  },
  {
    programs: ['/usr/lib/postgresql/*/bin/initdb', 'setpriv'],
    packages: ['postgresql', 'util-linux'],
    suites: 'metadata on PostgreSQL',
  },
  { programs: ['redis-server'], packages: ['redis-server'], suites: 'rate limits on Redis' },
  {
    programs: ['radosgw', 'ceph-mon', 'ceph-osd'],
    packages: ['radosgw', 'ceph-mon', 'ceph-osd'],
    suites: 'S3 channels on radosgw',
  },
  {
    programs: ['apache2', 'htpasswd'],
    packages: ['apache2', 'apache2-utils'],
    suites: 'WebDAV channels on Apache',
  },
  { programs: ['rclone'], packages: ['rclone'], suites: 'WebDAV channels on rclone' },
  {
    programs: ['nginx', '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so'],
    packages: ['nginx-light', 'libnginx-mod-http-dav-ext'],
    suites: 'WebDAV channels on nginx, and nginx in the bench',
  },
  {
    programs: ['lighttpd', '/usr/lib/lighttpd/mod_webdav.so'],
    packages: ['lighttpd', 'lighttpd-mod-webdav'],
    suites: 'WebDAV channels on lighttpd',
  },
  {
    programs: ['git', 'git-lfs'],
    packages: ['git', 'git-lfs'],
    suites: 'Hugging Face repositories read back by git-lfs',
  },
  {
    programs: ['chromium'],
    packages: ['chromium'],
    suites: 'safety of user bytes in a real browser',
  },
  { programs: ['ffmpeg'], packages: ['ffmpeg'], suites: 'videos made on the spot' },
  {
    programs: ['mkfs.ext4', 'fallocate', 'python3'],
    packages: ['e2fsprogs', 'util-linux', 'python3-minimal'],
    suites: 'full disks, and power cuts of the chaos run',
  },
  { programs: ['caddy'], packages: ['caddy'], suites: 'docs/operations.md behind Caddy' },
  { programs: ['fail2ban-regex'], packages: ['fail2ban'], suites: 'the filter for fail2ban' },
  {
    programs: ['/usr/lib/python3/dist-packages/requests/__init__.py'],
    packages: ['python3-requests'],
    suites: 'docs/clients.md in Python',
  },
  { programs: ['wrk'], packages: ['wrk'], suites: 'the bench' },
];

// Daemons live in sbin, which the PATH of an ordinary user lacks.
const folders = [
  ...new Set([
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
  ]),
];

export function isPresent(program: string): boolean {
  if (program.includes('/')) {
    return globSync(program).length > 0;
  }
  return folders.some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    if (existsSync(path)) {
      accessSync(path, constants.X_OK);
    }
    return existsSync(path);
  } catch {
    return false;
  }
}

export function missingNeeds(): readonly Need[] {
  return needs.filter(({ programs }) => !programs.every(isPresent));
}
