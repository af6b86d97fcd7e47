import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { apacheConf, type DavPlace, lighttpdConf, nginxConf } from './webdav-conf.ts';

/** A real WebDAV server on 127.0.0.1 over a folder of its own. */
export interface DavService {
  /** Address of the folder, with a trailing slash. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** The folder on disk. */
  readonly root: string;
  /** Number of files below `root`, whatever their names. */
  files(): Promise<number>;
  /** Ends the server and removes the folder. */
  stop(): Promise<void>;
}

export type DavServer = 'apache' | 'rclone' | 'nginx' | 'lighttpd';

const needs: Readonly<
  Record<DavServer, { readonly files: readonly string[]; readonly packages: string }>
> = {
  apache: {
    files: ['/usr/sbin/apache2', '/usr/lib/apache2/modules/mod_dav_fs.so'],
    packages: 'apache2',
  },
  rclone: { files: ['/usr/bin/rclone'], packages: 'rclone' },
  nginx: {
    files: ['/usr/sbin/nginx', '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so'],
    packages: 'nginx-light libnginx-mod-http-dav-ext',
  },
  lighttpd: {
    files: ['/usr/sbin/lighttpd', '/usr/lib/lighttpd/mod_webdav.so'],
    packages: 'lighttpd lighttpd-mod-webdav',
  },
};

/**
 * Why this server cannot be had here; undefined when it can. For
 * `describe.skipIf(davMissing('apache'))`.
 */
export function davMissing(server: DavServer): string | undefined {
  const missing = needs[server].files.filter((file) => !existsSync(file));
  return missing.length === 0
    ? undefined
    : `no ${server}: ${missing.join(', ')} missing (apt-get install ${needs[server].packages})`;
}

export interface DavOptions {
  /** Apache only: `refuse` has it answer MOVE with 403. */
  readonly move?: 'allow' | 'refuse';
  /**
   * Apache only: it answers GET and HEAD of files with a redirect to a signed address on another
   * port.
   */
  readonly reads?: 'redirect';
}

const username = 'media';
const password = 'canary-dav-password';

export async function startDav(server: DavServer, options: DavOptions = {}): Promise<DavService> {
  const missing = davMissing(server);
  if (missing !== undefined) {
    throw new Error(missing);
  }
  for (let attempt = 1; ; attempt++) {
    const dir = await mkdtemp(join(tmpdir(), `stowage-dav-${server}-`));
    const port = await freePort();
    const readPort = options.reads === 'redirect' ? await freePort() : undefined;
    const daemon = spawnDaemon(await prepare(server, { dir, port, readPort, ...options }));
    const stop = stopper(dir, daemon.child);
    try {
      await answering(port, daemon);
      const root = join(dir, 'www');
      return {
        url: `http://127.0.0.1:${port}/`,
        username,
        password,
        root,
        files: () => countFiles(root),
        stop,
      };
    } catch (error) {
      await stop();
      // another process may have taken the port between the choice and the bind
      if (attempt === 3) {
        throw error;
      }
    }
  }
}

type Command = readonly [program: string, ...args: string[]];

async function prepare(server: DavServer, place: DavPlace): Promise<Command> {
  const { dir } = place;
  await Promise.all(['www', 'lock', 'tmp'].map((name) => mkdir(join(dir, name))));
  await writeFile(
    join(dir, 'users.sha'),
    `${username}:{SHA}${createHash('sha1').update(password).digest('base64')}\n`,
  );
  await writeFile(join(dir, 'users.plain'), `${username}:${password}\n`);
  await writeFile(join(dir, 'server.conf'), configurations[server](place));
  return asWebUser(dir, commands[server](place));
}

const configurations: Readonly<Record<DavServer, (place: DavPlace) => string>> = {
  apache: apacheConf,
  nginx: nginxConf,
  lighttpd: lighttpdConf,
  rclone: () => '',
};

const commands: Readonly<Record<DavServer, (place: DavPlace) => Command>> = {
  apache: ({ dir }) => ['/usr/sbin/apache2', '-f', join(dir, 'server.conf'), '-D', 'FOREGROUND'],
  nginx: ({ dir }) => [
    '/usr/sbin/nginx',
    '-e',
    join(dir, 'error.log'),
    '-c',
    join(dir, 'server.conf'),
    '-p',
    dir,
  ],
  lighttpd: ({ dir }) => ['/usr/sbin/lighttpd', '-D', '-f', join(dir, 'server.conf')],
  rclone: ({ dir, port }) => [
    ...([
      '/usr/bin/rclone',
      'serve',
      'webdav',
      '--config',
      join(dir, 'server.conf'),
      '--cache-dir',
      join(dir, 'tmp'),
    ] as const),
    ...['--addr', `127.0.0.1:${port}`, '--user', username, '--pass', password, join(dir, 'www')],
  ],
};

/** Apache refuses to serve as root: there, the folder and the server go to `www-data`. */
async function asWebUser(dir: string, command: Command): Promise<Command> {
  if (process.getuid?.() !== 0) {
    return command;
  }
  await promisify(execFile)('chown', ['-R', 'www-data:www-data', dir]);
  return ['/usr/bin/setpriv', '--reuid=www-data', '--regid=www-data', '--clear-groups', ...command];
}

interface Daemon {
  readonly child: ChildProcess;
  output(): string;
}

function spawnDaemon([program, ...args]: Command): Daemon {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const output: string[] = [];
  child.stderr?.on('data', (text: Buffer) => output.push(text.toString()));
  child.on('error', (error) => output.push(error.message));
  return { child, output: () => output.join('').slice(-2000) };
}

/** Also at the end of this process, should nobody have stopped it. */
function stopper(dir: string, child: ChildProcess): () => Promise<void> {
  const atExit = () => {
    child.kill('SIGTERM');
    // a server that is ending still writes: nothing can be awaited any more, so wait in place
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', atExit);
  return async () => {
    process.removeListener('exit', atExit);
    await end(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
}

/** SIGTERM first: it is the parent that ends Apache's and nginx's workers. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return;
  }
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await gone;
  clearTimeout(force);
}

async function answering(port: number, { child, output }: Daemon): Promise<void> {
  const giveUpAt = Date.now() + 15_000;
  while (
    !(await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      throw new Error(`the server does not answer: ${output()}`);
    }
    await delay(20);
  }
}

async function countFiles(root: string): Promise<number> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('.DAV')).length;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') {
    throw new Error('no port');
  }
  return address.port;
}
