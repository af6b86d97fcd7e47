import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { cephConf } from './ceph-conf.ts';

const run = promisify(execFile);
const programs = [
  'ceph',
  'ceph-mon',
  'ceph-osd',
  'ceph-authtool',
  'monmaptool',
  'radosgw',
  'radosgw-admin',
];

/**
 * Why a real S3 server cannot be had here; undefined when it can. For `describe.skipIf(s3Missing)`.
 */
export const s3Missing: string | undefined = missingPrograms();

export interface S3Service {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  createBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real S3 server: Ceph radosgw over one monitor and one in-memory OSD, on free ports of
 * 127.0.0.1. Ready in 1 to 2 s. Objects live in memory until `stop` (or the end of this process)
 * kills the daemons and removes their folder.
 */
export async function startS3({ memoryGiB = 4 } = {}): Promise<S3Service> {
  if (s3Missing !== undefined) {
    throw new Error(s3Missing);
  }
  for (let attempt = 1; ; attempt++) {
    const cluster = await createCluster();
    try {
      return await startCluster(cluster, memoryGiB);
    } catch (error) {
      // Another process may have taken one of the ports between the choice and the bind.
      const logs = await cluster.describeFailure(error);
      await cluster.stop();
      if (attempt === 3) {
        throw logs;
      }
    }
  }
}

interface Cluster {
  readonly dir: string;
  readonly ports: { readonly rgw: number; readonly mon: number; readonly monV1: number };
  tool(program: string, ...args: string[]): Promise<string>;
  daemon(program: string, ...args: string[]): ChildProcess;
  describeFailure(error: unknown): Promise<Error>;
  stop(): Promise<void>;
}

async function createCluster(): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'stowage-s3-'));
  const [rgw, mon, monV1] = await freePorts(3);
  const daemons: ChildProcess[] = [];
  const output: string[] = [];
  const killAll = (): void => {
    for (const child of daemons) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
      }
    }
  };
  const atExit = (): void => {
    killAll();
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', atExit);
  return {
    dir,
    ports: { rgw, mon, monV1 },
    tool: async (program, ...args) => (await run(program, args, { timeout: 30_000 })).stdout,
    daemon(program, ...args) {
      const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr?.on('data', (text: Buffer) => output.push(`${program}: ${text}`));
      child.on('error', (error) => output.push(`${program}: ${error.message}`));
      daemons.push(child);
      return child;
    },
    describeFailure: async (error) =>
      new Error(`radosgw did not start: ${error}\n${output.join('').slice(-2000)}`),
    async stop() {
      process.removeListener('exit', atExit);
      const gone = daemons.map((child) => exitOf(child));
      killAll();
      await Promise.all(gone);
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function startCluster(cluster: Cluster, memoryGiB: number): Promise<S3Service> {
  const { dir, ports, tool, daemon } = cluster;
  const conf = join(dir, 'ceph.conf');
  const keyring = join(dir, 'keyring');
  const monmap = join(dir, 'monmap');
  const fsid = randomUUID();
  await Promise.all(['mon', 'osd', 'rgw', 'run', 'log'].map((name) => mkdir(join(dir, name))));
  await writeFile(
    conf,
    cephConf({ dir, fsid, ...ports, osdPortMin: randomInt(10_000, 28_000), memoryGiB }),
  );
  await createKeys(tool, keyring);
  const address = `[v2:127.0.0.1:${ports.mon},v1:127.0.0.1:${ports.monV1}]`;
  await tool('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', address, monmap);
  await tool('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monmap, '--keyring', keyring, '-c', conf);
  daemon('ceph-mon', '-f', '-i', 'a', '-c', conf);
  const osdId = randomUUID();
  await tool('ceph', '-c', conf, '--connect-timeout', '20', 'osd', 'new', osdId);
  await tool('ceph-osd', '-i', '0', '-c', conf, '--mkfs', '--osd-uuid', osdId);
  daemon('ceph-osd', '-f', '-i', '0', '-c', conf);
  const gateway = daemon('radosgw', '-f', '-c', conf, '-n', 'client.rgw');
  const endpoint = `http://127.0.0.1:${ports.rgw}`;
  await answering(endpoint, gateway);
  const keys = { accessKeyId: 'AKIATESTSTOWAGE', secretAccessKey: 'test-secret-key-of-stowage' };
  await tool(
    'radosgw-admin',
    '-c',
    conf,
    'user',
    'create',
    '--uid=test',
    '--display-name=test',
    ...userKeys(keys),
  );
  return {
    endpoint,
    region: 'us-east-1',
    ...keys,
    createBucket: bucketMaker({ endpoint, ...keys }),
    stop: cluster.stop,
  };
}

function userKeys(keys: { accessKeyId: string; secretAccessKey: string }): string[] {
  return [`--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`];
}

async function createKeys(tool: Cluster['tool'], keyring: string): Promise<void> {
  const grants: [string, ...string[]][] = [
    ['mon.', '--cap', 'mon', 'allow *'],
    ['client.admin', '--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'],
    ['osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *'],
    ['client.rgw', '--cap', 'mon', 'allow rw', '--cap', 'osd', 'allow rwx'],
  ];
  await writeFile(keyring, '', { mode: 0o600 });
  for (const [name, ...caps] of grants) {
    await tool('ceph-authtool', keyring, '--gen-key', '-n', name, ...caps);
  }
}

function bucketMaker(keys: { endpoint: string; accessKeyId: string; secretAccessKey: string }) {
  return async (name: string): Promise<void> => {
    const { endpoint, ...credentials } = keys;
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      credentials,
      forcePathStyle: true,
    });
    await client.send(new CreateBucketCommand({ Bucket: name })).finally(() => client.destroy());
  };
}

async function answering(endpoint: string, gateway: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (
    !(await fetch(endpoint).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (gateway.exitCode !== null) {
      throw new Error(`radosgw ended with ${gateway.exitCode}`);
    }
    if (Date.now() > giveUpAt) {
      throw new Error('radosgw does not answer');
    }
    await delay(25);
  }
}

async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return;
  }
  await new Promise((resolve) => child.once('exit', resolve));
}

async function freePorts(count: 3): Promise<[number, number, number]>;
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  return ports;
}

async function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('no port');
  }
  return {
    port: address.port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function missingPrograms(): string | undefined {
  const folders = (process.env.PATH ?? '').split(':');
  const missing = programs.filter(
    (program) => !folders.some((folder) => existsSync(join(folder, program))),
  );
  if (missing.length === 0) {
    return undefined;
  }
  return `no S3 server: ${missing.join(', ')} missing (apt-get install radosgw ceph-mon ceph-osd)`;
}
