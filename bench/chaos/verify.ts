import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from './client.ts';
import { sha256 } from './ledger.ts';

/**
 * Holds the library against the ledger, and what lies on the disk against the library. The server
 * must run; it is stopped in the end.
 */
export async function verify(world: World): Promise<void> {
  const listed = await listAll(world);
  await verifyEntries(world, listed);
  await verifyListed(world, listed);
  await untilIdle(world);
  await verifyDisk(world);
  await verifyDatabase(world);
}

interface Listed {
  readonly path: string;
  readonly size: number;
}

const pageSize = 100;

async function listAll({ server, ledger }: World): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  for (;;) {
    const response = await fetch(
      `${server.base}/api/v1/media?limit=${pageSize}&offset=${listed.length}`,
      {
        headers: { authorization: server.authorization },
      },
    );
    const { data } = (await response.json()) as {
      data: { items: { url: string; size: number }[]; total: number };
    };
    listed.push(...data.items.map(({ url, size }) => ({ path: new URL(url).pathname, size })));
    if (data.items.length === pageSize) {
      continue;
    }
    if (data.total !== listed.length) {
      ledger.fault('counter', `says ${data.total} files, ${listed.length} are listed`);
    }
    return listed;
  }
}

async function read(
  { server }: World,
  path: string,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  try {
    const response = await fetch(server.base + path);
    return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    return { status: 0, body: new Uint8Array(0) };
  }
}

async function verifyEntries(world: World, listed: readonly Listed[]): Promise<void> {
  const { ledger } = world;
  const paths = new Set(listed.map(({ path }) => path));
  for (const { src, bytes, state, said } of ledger.entries) {
    const { status, body } = await read(world, src);
    if (state === 'deleted') {
      if (status !== 404 || paths.has(src)) {
        ledger.fault('ghost', `${src} answers ${status}, ${said}`);
      }
    } else if (status === 404 || !paths.has(src)) {
      if (state === 'kept') {
        ledger.fault('lost', `${src}: ${status}, ${said}`);
      }
    } else if (status !== 200) {
      ledger.fault('unreadable', `${src}: ${status}`);
    } else if (sha256(body) !== bytes.sha256) {
      ledger.fault('corrupt', src);
    }
  }
}

/** Files whose upload was not answered may be there, but then whole. */
async function verifyListed(world: World, listed: readonly Listed[]): Promise<void> {
  const known = new Set(world.ledger.entries.map(({ src }) => src));
  for (const { path, size } of listed) {
    if (known.has(path)) {
      continue;
    }
    const { status, body } = await read(world, path);
    if (status !== 200 || body.length !== size) {
      world.ledger.fault(
        'ghost',
        `${path} is listed, but answers ${status} with ${body.length} of ${size} bytes`,
      );
    }
  }
}

const idleLimitMs = 20_000;

/**
 * Deletions that a killed process had claimed may rest until its claim ends: their objects are
 * known, and no orphans.
 */
async function untilIdle({ server }: World): Promise<void> {
  for (const until = Date.now() + idleLimitMs; Date.now() < until; await pause(250)) {
    const metrics = await (await fetch(`${server.base}/metrics`)).text();
    if (/^stowage_jobs_pending 0$/m.test(metrics)) {
      return;
    }
  }
}

async function verifyDisk({ server, ledger }: World): Promise<void> {
  const root = join(server.dataDir, 'objects');
  // As if all had been stored long ago: an orphan has a day before it is called one.
  const longAgo = new Date(Date.now() - 2 * 86_400_000);
  for (const file of await filesIn(join(root, 'objects'))) {
    await utimes(file, longAgo, longAgo).catch(() => undefined);
  }
  const { code, output } = await server.command('scrub');
  for (const line of output.split('\n')) {
    const [, kind] = /^(damaged|missing|orphan|not readable now): /.exec(line) ?? [];
    if (kind !== undefined) {
      ledger.fault(kind, line);
    }
  }
  if (code !== 0 && code !== 3) {
    ledger.fault('scrub', output);
  }
  for (const mark of await filesIn(join(root, 'tmp'))) {
    ledger.fault('mark', mark);
  }
  for (const spool of await filesIn(join(server.dataDir, 'spool'))) {
    ledger.fault('spool', spool);
  }
}

export async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

async function verifyDatabase({ server, ledger }: World): Promise<void> {
  const code = await server.stop();
  if (code !== 0) {
    ledger.fault('stop', `exit code ${code}`);
  }
  const db = new DatabaseSync(join(server.dataDir, 'stowage.db'));
  const rows = db.prepare('pragma integrity_check').all();
  if (JSON.stringify(rows) !== '[{"integrity_check":"ok"}]') {
    ledger.fault('database', JSON.stringify(rows));
  }
  db.close();
}
