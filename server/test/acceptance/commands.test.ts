import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stowage, startStowage } from './harness.ts';
import { type CommandResult, runCommand } from './stowage-command.ts';

const commands = [
  'serve',
  'token',
  'migrate',
  'backup',
  'restore',
  'scrub',
  'doctor',
  'health',
  'version',
];

let home: string;
let dataDir: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-commands-'));
  dataDir = join(home, 'data');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> =>
  runCommand(args, { dataDir, cwd: home, env });

describe('before anything else', () => {
  it.each(
    commands.flatMap((name) => [
      [name, '--help'],
      [name, '-h'],
      [name, 'help'],
    ]),
  )('%s %s explains, and does nothing', async (...args) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage:\\s+stowage ${args[0]}`));
    expect(await readdir(home)).toEqual([]);
  });

  it.each([
    ['serve', 'extra'],
    ['doctor', '--fast'],
    ['health', 'now'],
    ['version', 'x'],
    ['migrate', 'down'],
    ['backup'],
    ['backup', 'a', 'b'],
    ['restore'],
    ['scrub', '--older-than', '5m'],
    ['token'],
    ['token', 'make'],
    ['token', 'create', 'blog'],
    ['token', 'create', '--expires', '2001-01-01'],
    ['token', 'create', '--permissions', 'everything'],
    ['token', 'list', '--yaml'],
    ['token', 'revoke'],
  ])('%s %s %s: words that it does not know are refused, and nothing is done', async (...args) => {
    const { code, stdout, stderr } = await run(args.filter((arg) => arg !== undefined));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^.+\n\nUsage:\s/);
    expect(await readdir(home)).toEqual([]);
  });
});

describe('where there is no library', () => {
  it.each([
    ['token', 'list'],
    ['token', 'create'],
    ['token', 'revoke', 'x'],
    ['scrub'],
    ['backup', 'to'],
  ])('%s %s says so, and makes none', async (...args) => {
    const { code, stderr } = await run(args.filter((arg) => arg !== undefined));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `There is no Stowage data in ${dataDir}. Start the server once, run this in the folder where it starts, or name its data folder by STOWAGE_DATA_DIR.\n`,
    );
    expect(await readdir(home)).toEqual([]);
  });

  it('doctor is content, and leaves it so', async () => {
    const { code, stdout } = await run(['doctor']);
    expect(stdout).toMatch(/^note data folder: .* does not exist yet/m);
    expect(stdout).toMatch(/^note database: there is none yet/m);
    expect(code).toBe(0);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('doctor says what is in the way, in sentences', async () => {
    await writeFile(dataDir, 'a file');
    const { code, stdout, stderr } = await run(['doctor']);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^FAIL data folder: /m);
    expect(stdout).not.toMatch(/^\s+at /m);
  });
});

describe('on the database of an older version', () => {
  beforeEach(async () => {
    expect((await run(['migrate'])).stdout).toMatch(/^Migrated: /);
    // As it would be before the newest migration.
    const database = new DatabaseSync(join(dataDir, 'stowage.db'));
    database.exec(
      'delete from schema_migrations where name = (select max(name) from schema_migrations)',
    );
    database.close();
  });

  const names = (): readonly unknown[] => {
    const database = new DatabaseSync(join(dataDir, 'stowage.db'), { readOnly: true });
    const rows = database.prepare('select name from schema_migrations').all();
    database.close();
    return rows;
  };

  it('doctor names what waits, and does not run it', async () => {
    const before = names();
    const { code, stdout } = await run(['doctor']);
    expect(stdout).toMatch(/^note database: 1 migration waits \(\d{4}-/m);
    expect(code).toBe(0);
    expect(names()).toEqual(before);
  });

  it.each([['token', 'list'], ['backup', 'to'], ['scrub']])(
    '%s %s asks for it',
    async (...args) => {
      const before = names();
      const { code, stderr } = await run(args.filter((arg) => arg !== undefined));
      expect([code, stderr]).toEqual([1, expect.stringMatching(/older version.*stowage migrate/)]);
      expect(names()).toEqual(before);
    },
  );
});

describe('beside a running server', () => {
  let app: Stowage;
  beforeAll(async () => {
    app = await startStowage();
  });
  afterAll(() => app?.stop());
  const on = (...args: string[]): Promise<CommandResult> =>
    runCommand(args, { dataDir: app.dataDir, cwd: home });

  it('doctor names the ids of channels, for renaming them', async () => {
    const { code, stdout } = await on('doctor');
    expect(code).toBe(0);
    const id = /^ok {3}channel local\/local \(id ([0-9a-f-]{36})\): check/m.exec(stdout)?.[1];
    const test = await app.fetch(`/api/manage/channels/${id}/test`, { method: 'POST' });
    expect(await test.json()).toMatchObject({ success: true, channel: { id, name: 'local' } });
  });

  it('doctor and a start name a channel that holds files and is no longer listed, until it is back or renamed', async () => {
    const id = /local\/local \(id (\S+)\)/.exec((await on('doctor')).stdout)?.[1];
    const diagnose = (channel: object) =>
      runCommand(['doctor'], {
        dataDir: app.dataDir,
        cwd: home,
        env: { STOWAGE_CHANNELS: JSON.stringify([channel]) },
      });
    expect((await diagnose({ type: 'local', name: 'disk' })).code).toBe(0);
    const form = new FormData();
    form.set('file', new File(['kept'], 'kept.txt'));
    expect((await app.fetch('/upload', { method: 'POST', body: form })).status).toBe(200);
    expect(await diagnose({ type: 'local', name: 'disk' })).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        new RegExp(`^FAIL channel local/local: .*links answer 503.*"id": "${id}"`, 'm'),
      ),
    });
    expect((await diagnose({ type: 'local', name: 'disk', id })).code).toBe(0);
    await app.terminate();
    const renamed = await startStowage({
      dataDir: app.dataDir,
      env: { STOWAGE_CHANNELS: '[{"type":"local","name":"disk"}]' },
    });
    await renamed.stop();
    expect(renamed.log).toContainEqual(
      expect.stringMatching(/"warn".*Channel local\/local: It holds files/),
    );
    await app.start();
  });

  it('tokens are made, listed as text and JSON, and revoked by id or name', async () => {
    const made = await on('token', 'create', '--name', 'blog', '--expires', '90d');
    const token = made.stdout.trim();
    expect(
      (await app.fetch('/api/channels', { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(200);
    const { stdout } = await on('token', 'list');
    expect(stdout).toMatch(/^ID +NAME +TOKEN +PERMISSIONS +CREATED +EXPIRES +LAST USED$/m);
    expect(stdout).toMatch(
      / blog +\S+\.\.\. +upload +\d{4}-\d\d-\d\dT\d\d:\d\dZ +\d{4}-\d\d-\d\dT\d\d:\d\dZ /,
    );
    const listed = JSON.parse((await on('token', 'list', '--json')).stdout) as {
      id: string;
      name: string;
    }[];
    expect(listed.find(({ name }) => name === 'blog')).toMatchObject({
      permissions: ['upload'],
      expiresAt: expect.stringMatching(/Z$/),
    });
    expect(JSON.stringify(listed)).not.toContain(token);
    expect(await on('token', 'revoke', 'blog')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Token \S+ \(blog\) is revoked/),
    });
    expect(
      (await app.fetch('/api/channels', { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(401);
    expect(await on('token', 'revoke', 'blog')).toMatchObject({
      code: 1,
      stderr: 'There is no token with the id or name "blog".\n',
    });
  });

  it('of two tokens with one name none is revoked by it', async () => {
    await on('token', 'create', '--name', 'twin');
    expect((await on('token', 'create', '--name', 'twin')).stderr).toContain(
      'Another token is named "twin" too',
    );
    const { code, stderr } = await on('token', 'revoke', 'twin');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^2 tokens are named "twin"\. Revoke by id: \S+, \S+\n$/),
    ]);
  });
});
