import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresService, postgresMissing, startPostgres } from '../services/postgres.ts';
import { initUpload, mergeUpload, putChunk } from './chunked-client.ts';
import { freePort, type Stowage, startStowage } from './harness.ts';
import { fixture, mediaClient } from './media-client.ts';
import { nodeEnv } from './node-env.ts';
import { srcOf, upload } from './requests.ts';

const launcher = new URL('../../bin/stowage.js', import.meta.url).pathname;
const oldToken = `stowage_${'0'.repeat(32)}`;
const newToken = `stowage_${'1'.repeat(32)}`;

describe.skipIf(postgresMissing)('several nodes on one PostgreSQL', () => {
  let postgres: PostgresService;
  let home: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    home = await mkdtemp(join(tmpdir(), 'stowage-nodes-'));
  });
  afterAll(async () => {
    await postgres?.stop();
    await rm(home, { recursive: true, force: true });
  });

  /** Runs a command to its end; a server is told to stop once it is ready. */
  async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [launcher, ...args], {
      cwd: home,
      env: {
        PATH: process.env.PATH ?? '',
        PORT: String(await freePort()),
        STOWAGE_DATA_DIR: `data-${await freePort()}`,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    let out = '';
    let isToldToStop: NodeJS.Timeout | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      // With its greeting, if there is one.
      if (!isToldToStop && out.includes('Stowage is ready')) {
        isToldToStop = setTimeout(() => child.kill('SIGTERM'), 300);
      }
    });
    const err = await text(child.stderr);
    const [code] = (await exited) as [number | null];
    return { out, err, code };
  }
  const local = (settings: object): string =>
    JSON.stringify([{ type: 'local', name: 'disk', ...settings }]);

  it.each([
    ['no secret key', { STOWAGE_SECRET_KEY: '' }, 'STOWAGE_SECRET_KEY'],
    ['a local folder of its own', { STOWAGE_CHANNELS: local({}) }, '"shared": true'],
    ['the default channel', { STOWAGE_CHANNELS: '' }, '"shared": true'],
    [
      'another secret key',
      { STOWAGE_SECRET_KEY: 'x'.repeat(40) },
      'stowage migrate --accept-secret-key',
    ],
    ['another folder', {}, 'is not the one that the other nodes use'],
  ])('refuse to start with %s, and say what to do', async (what, wrong, sentence) => {
    const env = nodeEnv(await postgres.createDatabase(), join(home, 'shared'));
    // What is wrong by itself needs no other node to be refused.
    if (what.startsWith('another')) {
      expect(await run(['serve'], env)).toMatchObject({ code: 0, err: '' });
    }
    const other = sentence.startsWith('is not')
      ? { STOWAGE_CHANNELS: local({ shared: true, path: join(home, 'other') }) }
      : wrong;
    const { code, err } = await run(['serve'], { ...env, ...other });
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at ');
    expect(code).toBe(1);
    await rm(join(home, 'shared'), { recursive: true, force: true });
    await rm(join(home, 'other'), { recursive: true, force: true });
  });

  it('take a new key when told to, and a folder that was moved', async () => {
    const env = nodeEnv(await postgres.createDatabase(), join(home, 'here'));
    await run(['serve'], env);
    const changed = { ...env, STOWAGE_SECRET_KEY: 'x'.repeat(40) };
    expect(await run(['migrate', '--accept-secret-key'], changed)).toMatchObject({ code: 0 });
    const moved = {
      ...changed,
      STOWAGE_CHANNELS: local({ shared: true, path: join(home, 'there') }),
    };
    const { err } = await run(['serve'], moved);
    const [, name = ''] = /write (\S+) into that file/.exec(err) ?? [];
    expect(name).toBe((await readFile(join(home, 'here/channel.id'), 'utf8')).trim());
    await writeFile(join(home, 'there/channel.id'), name);
    expect(await run(['serve'], moved)).toMatchObject({ code: 0 });
  });

  it('start on nothing at the same moment with one admin token', async () => {
    const env = nodeEnv(await postgres.createDatabase(), join(home, 'first'));
    const started = await Promise.all([1, 2, 3].map(() => run(['serve'], env)));
    expect(started.map(({ code, err }) => ({ code, err }))).toEqual(
      started.map(() => ({ code: 0, err: '' })),
    );
    expect(started.filter(({ out }) => out.includes('Your admin token is in '))).toHaveLength(1);
    const { out } = await run(['token', 'list'], env);
    expect(out.trim().split('\n')).toHaveLength(2);
  });

  it('start at the same moment with a token from the environment', async () => {
    const env = {
      ...nodeEnv(await postgres.createDatabase(), join(home, 'same')),
      STOWAGE_ADMIN_TOKEN: oldToken,
    };
    const started = await Promise.all([1, 2, 3].map(() => run(['serve'], env)));
    expect(started.map(({ code }) => code)).toEqual([0, 0, 0]);
    const { out } = await run(['token', 'list'], env);
    expect(out.match(/STOWAGE_ADMIN_TOKEN/g)).toHaveLength(1);
  });

  it('with different tokens, during a change of it, let both in', async () => {
    const env = nodeEnv(await postgres.createDatabase(), join(home, 'rolling'));
    const nodes: Stowage[] = [];
    try {
      for (const token of [oldToken, newToken]) {
        nodes.push(await startStowage({ env: { ...env, STOWAGE_ADMIN_TOKEN: token } }));
      }
      await nodes[0]?.crash();
      for (const node of nodes) {
        for (const token of [oldToken, newToken]) {
          const answer = await node.fetch('/api/manage/apiTokens', {
            headers: { authorization: `Bearer ${token}` },
          });
          expect(answer.status).toBe(200);
        }
      }
    } finally {
      for (const node of nodes) {
        await node.stop();
      }
    }
  });

  it.each([90_000_000, -90_000_000])(
    'go by one clock: a node that is off by %d ms ends no upload, and honours every address',
    async (off) => {
      const env = nodeEnv(await postgres.createDatabase(), join(home, `clock${off}`));
      const jump = `data:text/javascript,const now=Date.now;Date.now=()=>now()+(${off})`;
      const right = await startStowage({ env });
      const session = await initUpload(right, 2);
      expect((await putChunk(right, session, 0, Buffer.from('hello '))).status).toBe(200);
      const wrong = await startStowage({
        env: { ...env, NODE_OPTIONS: `--import ${encodeURI(jump)}` },
      });
      try {
        expect((await putChunk(wrong, session, 1, Buffer.from('world'))).status).toBe(200);
        const src = await srcOf(mergeUpload(wrong, session));
        expect(await (await right.fetch(src)).text()).toBe('hello world');
        for (const [one, other] of [
          [right, wrong],
          [wrong, right],
        ] as const) {
          const photo = fixture('photo.jpg');
          const { body } = await mediaClient(one).presign({
            filename: 'photo.jpg',
            content_type: 'image/jpeg',
            size: photo.length,
          });
          const { pathname, search } = new URL(body.data.upload_url);
          const sent = await other.fetch(`${pathname}${search}`, {
            method: 'PUT',
            body: photo,
            headers: { 'content-type': 'image/jpeg' },
          });
          expect([
            sent.status,
            Math.abs(Date.parse(body.data.expires_at) - Date.now() - 3_600_000) < 30_000,
          ]).toEqual([200, true]);
        }
        expect(wrong.log.join('\n')).toContain('The clock of this machine is off');
      } finally {
        await wrong.stop();
        await right.stop();
      }
    },
  );

  it('wait for PostgreSQL when they are earlier, and end when told to meanwhile', async () => {
    const env = nodeEnv(await postgres.createDatabase(), join(home, 'early'));
    await postgres.crash();
    const early = startStowage({ env });
    early.catch(() => undefined);
    const impatient = spawn(process.execPath, [launcher, 'serve'], {
      cwd: home,
      env: { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: 'impatient', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const chunk of impatient.stdout) {
      if (String(chunk).includes('Waiting for the database')) {
        break;
      }
    }
    impatient.kill('SIGTERM');
    expect(await once(impatient, 'exit')).toEqual([143, null]);
    await postgres.resume();
    const node = await early;
    expect(await srcOf(upload(node))).toContain('/file/');
    await node.stop();
  });
});

describe('one data folder', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage();
  });
  afterAll(async () => app?.stop());

  it('serves one process: a second one is told which', async () => {
    await expect(startStowage({ dataDir: app.dataDir })).rejects.toThrow(
      `Another Stowage (pid ${app.pid} on `,
    );
    expect((await app.fetch('/readyz')).status).toBe(200);
  });

  it('is free again after kill -9, and open to commands all the time', async () => {
    await app.crash();
    const env = { PATH: process.env.PATH ?? '', STOWAGE_DATA_DIR: app.dataDir };
    for (const args of [['token', 'list'], ['doctor'], ['migrate']]) {
      const child = spawn(process.execPath, [launcher, ...args], {
        env,
        cwd: app.dataDir,
        stdio: 'ignore',
      });
      expect([args, await once(child, 'exit')]).toEqual([args, [0, null]]);
    }
  });
});
