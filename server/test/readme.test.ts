import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPresent } from './setup/programs.ts';

const run = promisify(execFile);
const launcher = fileURLToPath(new URL('../bin/stowage.js', import.meta.url));
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** The commands of a document: its code blocks that are marked as bash. */
function commandsIn(document: string): readonly string[] {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```bash\n(.*?)^```/gms)].map(([, command = '']) => command);
}
/** Have tests of their own: checkout.test.ts, and whoever reads this. */
const elsewhere = ['npm start\n', 'npm ci && npm test\n'];

const photo = readFileSync(new URL('./fixtures/photo.jpg', import.meta.url));

/** The same picture with comments in front, as large as photos are. */
function largePhoto(bytes: number): Buffer {
  const comment = Buffer.alloc(65_535, 'x');
  comment.set([0xff, 0xfe, 0xff, 0xfd]);
  return Buffer.concat([
    photo.subarray(0, 2),
    ...Array.from({ length: bytes / comment.length }, () => comment),
    photo.subarray(2),
  ]);
}

const TOKEN = 'readme-token-0123456789';
let folder = '';
let server: ReturnType<typeof spawn> | undefined;
let base = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-readme-'));
  // Makes curl end with an error where it would only print one.
  await writeFile(join(folder, '.curlrc'), 'fail-with-body\nsilent\nshow-error\n');
  // As in a checkout, `npx` finds the commands.
  await symlink(packages, join(folder, 'node_modules'));
  const env = {
    PATH: process.env.PATH,
    PORT: '0',
    STOWAGE_DATA_DIR: join(folder, 'data'),
    STOWAGE_ADMIN_TOKEN: TOKEN,
    // As the examples have it.
    STOWAGE_ADMIN_PASSWORD: 'correct horse battery staple',
  };
  server = spawn(process.execPath, [launcher, 'serve'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (server.stdout === null) {
    throw new Error('no output');
  }
  for await (const line of createInterface(server.stdout)) {
    base = /Stowage is ready at (http:\/\/[^\s"]+)/.exec(line)?.[1] ?? '';
    if (base !== '') {
      break;
    }
  }
  server.stdout.resume();
});

afterAll(async () => {
  if (server?.exitCode === null) {
    server.kill();
    await once(server, 'exit');
  }
  await rm(folder, { recursive: true });
});

const missing = ['curl', 'jq', 'bash'].some((program) => !isPresent(program));

describe.skipIf(missing).each([
  ['README.md', 'small', photo, 9],
  ['README.md', 'large', largePhoto(5_000_000), 9],
  ['docs/apis/upload-api.md', 'small', photo, 5],
  ['docs/apis/media-api.md', 'small', photo, 6],
])(
  'the commands in %s, in their order, with a %s photo (skipped without curl, jq and bash)',
  (name, _, bytes, count) => {
    const blocks = commandsIn(name);
    /** What the commands before have set. */
    let variables: Readonly<Record<string, string>> = {};

    beforeAll(async () => {
      variables = { BASE: base, TOKEN };
      await writeFile(join(folder, 'photo.jpg'), bytes);
    });

    it('are there', () => {
      if (name === 'README.md') {
        expect(blocks).toEqual(expect.arrayContaining(elsewhere));
      }
      expect(blocks.filter((block) => /\bcurl\b/.test(block)).length).toBeGreaterThanOrEqual(count);
    });

    it.each(blocks.filter((block) => !elsewhere.includes(block)))('%s', async (block) => {
      const env = {
        PATH: process.env.PATH,
        CURL_HOME: folder,
        STOWAGE_DATA_DIR: join(folder, 'data'),
        ...variables,
      };
      const script = `set -a\n${block}\nenv -0 > .environment`;
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: folder,
        env,
      });
      expect(stdout).not.toMatch(/"error":\s*[^n\s]/);
      variables = await environment();
      expect(Object.entries(variables).filter(([, value]) => ['', 'null'].includes(value))).toEqual(
        [],
      );
    });

    it.runIf(name === 'README.md')('bring the file back as it was', async () => {
      expect((await readFile(join(folder, 'copy.jpg'))).equals(bytes)).toBe(true);
      expect((await readFile(join(folder, 'start.bin'))).equals(bytes.subarray(0, 1024))).toBe(
        true,
      );
    });
  },
);

/** Variables that the last block left, without those of every shell. */
async function environment(): Promise<Readonly<Record<string, string>>> {
  const entries = (await readFile(join(folder, '.environment'), 'utf8'))
    .split('\0')
    .map((line) => line.split(/=(.*)/s, 2));
  return Object.fromEntries(
    entries.filter(
      ([name]) =>
        /^[A-Z_]+$/.test(name ?? '') && !['SHLVL', 'PWD', '_', 'OLDPWD'].includes(name ?? ''),
    ),
  );
}
