import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A proxy in front of a server, with TLS by a certificate of its own for `localhost`. */
export interface Front {
  /** `https://localhost:<port>` */
  readonly url: string;
  /** For `curl --cacert`. */
  readonly certificate: string;
  stop(): Promise<void>;
}

export interface FrontFiles {
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
}

const startLimitMs = 20_000;

/**
 * Starts a program in the foreground by the arguments that `prepare` gives, and waits until it
 * listens.
 */
export async function startFront(
  program: string,
  port: number,
  prepare: (files: FrontFiles) => Promise<readonly string[]>,
): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-front-'));
  const files = {
    folder,
    certificate: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
  };
  await makeCertificate(files);
  const args = await prepare(files);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + startLimitMs;
  while (!(await listens(port))) {
    if (child.exitCode === null && Date.now() < deadline) {
      await delay(50);
    } else {
      await stop();
      throw new Error(`${program} did not start:\n${said}`);
    }
  }
  return { url: `https://localhost:${port}`, certificate: files.certificate, stop };
}

async function makeCertificate({ certificate, key, folder }: FrontFiles): Promise<void> {
  const config = join(folder, 'openssl.cnf');
  await writeFile(
    config,
    '[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=more\n[name]\nCN=localhost\n[more]\nsubjectAltName=DNS:localhost\n',
  );
  const options = [
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ];
  await promisify(execFile)('openssl', [
    'req',
    ...options,
    '-config',
    config,
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
