import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFakeServer } from '../test/fake-server.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('../bin/stowage-upload.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stowage-cli-'));
let server: Awaited<ReturnType<typeof startFakeServer>>;
/** Addresses of uploads, and what came with them. */
let seen: string[] = [];

beforeAll(async () => {
  writeFileSync(join(folder, 'a.jpg'), 'aaa');
  writeFileSync(join(folder, 'x [1].pdf'), 'pdf');
  for (const name of ['many', 'many/deep', 'none']) {
    mkdirSync(join(folder, name));
  }
  for (const name of ['b.png', 'deep/c.txt', 'a.jpg']) {
    writeFileSync(join(folder, 'many', name), name);
  }
  server = await startFakeServer(async ({ headers, form, url, bytes }) => {
    if (url.pathname === '/relay') {
      await bytes();
      return { json: {} };
    }
    if (headers.authorization !== 'Bearer right') {
      return { status: 401, text: 'Unauthorized' };
    }
    if (url.pathname === '/api/channels') {
      return { json: { telegram: [], s3: [{ name: 'main', type: 'S3' }] } };
    }
    if (url.pathname === '/api/v1/media/upload') {
      const { filename, content_type } = JSON.parse((await bytes()).toString());
      const upload_url = `${server.baseUrl}/relay?${filename}&${content_type}`;
      return { json: { data: { media_id: 'm1', upload_url, upload_method: { method: 'PUT' } } } };
    }
    if (url.pathname.endsWith('/complete')) {
      return { json: { data: { id: 'm1', url: 'http://host/file/media/m1' } } };
    }
    const file = (await form()).get('file') as File;
    seen.push(`${url.search} ${file.name} ${file.type} ${await file.text()}`);
    return { json: [{ src: `http://host/file/${encodeURIComponent(file.name)}` }] };
  });
});
beforeEach(() => {
  seen = [];
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const environment = (token: string) => ({
  PATH: process.env.PATH,
  STOWAGE_CLIENT_URL: server.baseUrl,
  STOWAGE_CLIENT_TOKEN: token,
});

function upload(token: string, ...args: readonly string[]) {
  return run(process.execPath, [cli, ...args], { cwd: folder, env: environment(token) });
}

function refusal(
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  return upload('right', ...args).catch((error) => error);
}

describe('stowage-upload', () => {
  it('prints a link for every file, and counts them where nothing can be redrawn', async () => {
    const { stdout, stderr } = await upload('right', 'a.jpg', join(folder, 'a.jpg'));
    expect(stdout).toBe('http://host/file/a.jpg\n'.repeat(2));
    expect(stderr).toBe('2 of 2\n');
    expect(seen).toEqual([
      '?returnFormat=full a.jpg image/jpeg aaa',
      '?returnFormat=full a.jpg image/jpeg aaa',
    ]);
  });

  it('goes on after a file that fails, and ends with 1', async () => {
    expect(await refusal('--quiet', 'missing.jpg', 'a.jpg')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('/file/a.jpg'),
      stderr: expect.stringMatching(/^missing\.jpg: There is no such file\.\n$/),
    });
  });

  it('uploads folders with their subfolders when asked', async () => {
    expect(await refusal('many')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('This is a folder: add --recursive'),
    });
    await upload('right', '-r', '--folder', 'trip', 'many', 'a.jpg');
    expect(seen).toEqual([
      '?returnFormat=full&uploadFolder=trip a.jpg image/jpeg a.jpg',
      '?returnFormat=full&uploadFolder=trip b.png image/png b.png',
      '?returnFormat=full&uploadFolder=trip%2Fdeep c.txt text/plain deep/c.txt',
      '?returnFormat=full&uploadFolder=trip a.jpg image/jpeg aaa',
    ]);
    await upload('right', '-r', 'many');
    expect(seen[4]).toBe('?returnFormat=full a.jpg image/jpeg a.jpg');
  });

  it('uploads standard input', async () => {
    const child = spawn(process.execPath, [cli, '--name', 'in.png', '-'], {
      cwd: folder,
      env: environment('right'),
    });
    child.stdin.end('from a pipe');
    expect(await text(child.stdout)).toBe('http://host/file/in.png\n');
    expect(seen).toEqual(['?returnFormat=full in.png image/png from a pipe']);
  });

  it('can be interrupted while it waits for standard input, and leaves nothing behind', async () => {
    const temporary = mkdtempSync(join(folder, 'tmp-'));
    const env = { ...environment('right'), TMPDIR: temporary };
    const child = spawn(process.execPath, [cli, '--name', 'in.png', '-'], { cwd: folder, env });
    const watcher = watch(temporary);
    await once(watcher, 'change');
    watcher.close();
    child.kill('SIGINT');
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ errors, code, left: readdirSync(temporary) }).toEqual({
      errors: '-: interrupted\n',
      code: 1,
      left: [],
    });
  });

  it.each([
    ['url', 'a.jpg', 'http://host/file/a.jpg'],
    ['md', 'a.jpg', '![a.jpg](http://host/file/a.jpg)'],
    ['md', 'x [1].pdf', '[x \\[1\\].pdf](http://host/file/x%20%5B1%5D.pdf)'],
    ['html', 'a.jpg', '<img src="http://host/file/a.jpg" alt="a.jpg">'],
    ['html', 'x [1].pdf', '<a href="http://host/file/x%20%5B1%5D.pdf">x [1].pdf</a>'],
    ['bbcode', 'a.jpg', '[img]http://host/file/a.jpg[/img]'],
    ['bbcode', 'x [1].pdf', '[url=http://host/file/x%20%5B1%5D.pdf]x [1].pdf[/url]'],
  ])('prints links as %s: %s', async (format, file, line) => {
    expect((await upload('right', '--format', format, file)).stdout).toBe(`${line}\n`);
  });

  it('prints JSON, of failures as well', async () => {
    const { stdout } = await refusal('--json', 'missing.jpg', 'a.jpg');
    const [failed, done] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(failed).toEqual({ file: 'missing.jpg', error: 'There is no such file.' });
    expect(done).toEqual({
      file: 'a.jpg',
      name: 'a.jpg',
      type: 'image/jpeg',
      url: 'http://host/file/a.jpg',
    });
    const refused = await upload('wrong', '--json', 'a.jpg').catch((error) => error);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      file: 'a.jpg',
      status: 401,
      retryable: false,
    });
  });

  it('goes through the Media API when asked, with a type that it can take', async () => {
    expect((await upload('right', '--media', 'a.jpg')).stdout).toBe('http://host/file/media/m1\n');
    writeFileSync(join(folder, 'odd.xyz'), 'x');
    expect(await refusal('--media', 'odd.xyz')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--type image/jpeg'),
    });
    expect((await upload('right', '--media', '--type', 'image/png', 'odd.xyz')).stdout).toBe(
      'http://host/file/media/m1\n',
    );
  });

  it.each([
    [
      ['--naming', 'orign', 'a.jpg'],
      /^--naming must be default, index, origin, short, not "orign"\.\n$/,
    ],
    [['--format', 'markdown', 'a.jpg'], /^--format must be url, md, html, bbcode/],
    [
      ['--channel', 'telegram', 'a.jpg'],
      /has no channel telegram that currently takes files\. It has s3\/main\.\n$/,
    ],
    [['--channel-name', 'nope', 'a.jpg'], /has no channel nope /],
    [['--channel', 's3', '--channel-name', 'nope', 'a.jpg'], /has no channel s3\/nope /],
    [
      ['--url', '127.0.0.1:8080', 'a.jpg'],
      /^--url must start with http:\/\/ or https:\/\/.*not "127\.0\.0\.1:8080"\.\n$/,
    ],
    [['--url', 'localhost:8080', 'a.jpg'], /^--url must start with http/],
    [['--name', 'b.jpg', 'a.jpg', 'a.jpg'], /^--name goes with one file only\.\n$/],
    [['--resume', 'id', 'a.jpg', 'a.jpg'], /^--resume goes with one file only\.\n$/],
    [['--name', 'b.jpg', '-r', 'many'], /^--name goes with one file only\.\n$/],
    [['-r', 'none'], /^There are no files in it\.\n$/],
    [['-'], /^Standard input has no name/],
    [['--media', '--folder', 'x', 'a.jpg'], /^--folder does not go with --media\.\n$/],
    [['--nonsense'], /--nonsense/],
    [[], /Usage: stowage-upload/],
  ] as const)('refuses %j before it sends anything', async (args, message) => {
    const { code, stdout, stderr } = await refusal(...args);
    expect({ code, stdout, seen }).toEqual({ code: 2, stdout: '', seen: [] });
    expect(stderr).toMatch(message);
  });

  it('takes a channel that is there', async () => {
    await upload(
      'right',
      '--channel',
      's3',
      '--channel-name',
      'main',
      '--naming',
      'short',
      'a.jpg',
    );
    expect(seen).toEqual([
      '?returnFormat=full&uploadNameType=short&uploadChannel=s3&channelName=main a.jpg image/jpeg aaa',
    ]);
  });

  it('says what is wrong with server and token', async () => {
    expect(await refusal('--url', 'http://127.0.0.1:1', 'a.jpg')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Is http://127.0.0.1:1 right'),
    });
    await expect(upload('wrong', 'a.jpg')).rejects.toMatchObject({
      code: 1,
      stderr:
        'a.jpg: Unauthorized: give a token that may upload (--token or STOWAGE_CLIENT_TOKEN).\n',
    });
  });

  it('shows how it is used, and its version', async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    expect((await upload('right', '--version')).stdout).toBe(`${version}\n`);
    expect((await upload('right', '--help')).stdout).toContain('Usage: stowage-upload');
  });
});
