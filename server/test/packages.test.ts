import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOtherNodes, type NodeEnvironment, nodeEnvironments } from './setup/nodes.ts';
import { isPresent } from './setup/programs.ts';

// Both packages as a registry would hand them out: packed, and installed into a folder that knows
// nothing of this repository.

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const photo = readFileSync(new URL('./fixtures/photo.jpg', import.meta.url));
const limitMs = 180_000;

let home = '';
let environmentOf: NodeEnvironment;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stowage-packages-'));
  if (hasOtherNodes) {
    environmentOf = await nodeEnvironments();
  }
}, limitMs);
afterAll(() => rm(home, { recursive: true }));

/**
 * Packs a workspace and installs the tarball; resolves with the folder and the names of the packed
 * files.
 */
async function installPacked(workspace: 'client' | 'server') {
  const folder = join(home, workspace);
  await mkdir(folder);
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--loglevel=error', '--pack-destination', folder],
    {
      cwd: join(root, workspace),
    },
  );
  // What the build prints comes first.
  const packed: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [{ filename, files }] = Object.values(packed as Packed[]) as [Packed];
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', ...options, join(folder, filename)], { cwd: folder });
  return { folder, files: files.map(({ path }) => path) };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

describe.skipIf(!hasOtherNodes)(
  'stowage-client (skipped where the registry has no Node for the platform)',
  () => {
    let folder = '';
    let files: readonly string[] = [];
    let server: Server;
    let url = '';

    beforeAll(async () => {
      ({ folder, files } = await installPacked('client'));
      await writeFile(join(folder, 'a.jpg'), photo);
      server = createServer(async (request, response) => {
        const path = new URL(request.url ?? '', 'http://any').pathname;
        if (path === '/upload') {
          request.resume();
          response.end(JSON.stringify([{ src: 'http://host/file/a.jpg' }]));
        } else if (path === '/') {
          response.setHeader('content-type', 'text/html').end('<!doctype html>');
        } else {
          const script = await readFile(
            join(folder, 'node_modules/stowage-client/dist', path),
          ).catch(() => undefined);
          response.writeHead(script ? 200 : 404, { 'content-type': 'text/javascript' }).end(script);
        }
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }, limitMs);
    afterAll(() => server.close());

    it('holds built code with types, and no tests', () => {
      expect(files).toEqual(
        expect.arrayContaining([
          'LICENSE',
          'README.md',
          'bin/stowage-upload.js',
          'dist/index.d.ts',
        ]),
      );
      expect(
        files.filter(
          (path) =>
            !/^(LICENSE|README\.md|package\.json|bin\/[\w-]+\.js|dist\/(cli\/)?[\w-]+(\.d\.ts|\.js))$/.test(
              path,
            ),
        ),
      ).toEqual([]);
      expect(files.filter((path) => /test|fake|pixel/.test(path))).toEqual([]);
    });

    describe.each([20, 22, 24, 26])('on Node %i', (major) => {
      it('uploads from a program, imported or required', async () => {
        const program = `const client = createClient({ baseUrl: process.env.URL, token: 't' });
        client.upload(new Blob(['x']), { name: 'x' }).then(({ src }) => console.log(process.versions.node.split('.')[0], src));`;
        await writeFile(
          join(folder, 'program.mjs'),
          `import { createClient } from 'stowage-client';\n${program}`,
        );
        await writeFile(
          join(folder, 'program.cjs'),
          `const { createClient } = require('stowage-client');\n${program}`,
        );
        const env = environmentOf(major, { URL: url });
        for (const file of ['program.mjs', 'program.cjs']) {
          const { stdout } = await run('node', [file], { cwd: folder, env });
          expect(stdout).toBe(`${major} http://host/file/a.jpg\n`);
        }
      });

      it('brings a command', async () => {
        const env = environmentOf(major, { STOWAGE_CLIENT_URL: url, STOWAGE_CLIENT_TOKEN: 't' });
        const command = join(folder, 'node_modules/.bin/stowage-upload');
        expect((await run(command, ['--quiet', 'a.jpg'], { cwd: folder, env })).stdout).toBe(
          'http://host/file/a.jpg\n',
        );
        expect((await run(command, ['--help'], { cwd: folder, env })).stdout).toContain(
          'Usage: stowage-upload',
        );
      });
    });

    const types = {
      browser: { lib: ['es2022', 'dom'], types: [] },
      node: { lib: ['es2022'], types: ['node'] },
    };
    it.each([
      ['nodenext', 'nodenext', 'browser'],
      ['nodenext', 'nodenext', 'node'],
      ['esnext', 'bundler', 'browser'],
    ] as const)(
      'has types that strict programs accept (%s, %s, %s)',
      async (module, moduleResolution, place) => {
        const folderOfTypes = join(folder, `types-${module}-${place}`);
        await mkdir(folderOfTypes);
        const strict = {
          strict: true,
          skipLibCheck: false,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
        };
        const options = {
          ...strict,
          module,
          moduleResolution,
          target: 'es2022',
          noEmit: true,
          ...types[place],
        };
        const typeRoots = [join(root, 'node_modules/@types')];
        await writeFile(
          join(folderOfTypes, 'tsconfig.json'),
          JSON.stringify({ compilerOptions: { ...options, typeRoots }, files: ['use.ts'] }),
        );
        await writeFile(
          join(folderOfTypes, 'use.ts'),
          `import { createClient, StowageError, type Media } from 'stowage-client';
       const client = createClient({ baseUrl: 'http://host', token: 't' });
       const media: Media = await client.uploadMedia(new Blob(['x']), { name: 'x.png', type: 'image/png' });
       export const url: string | null = media.url;
       // @ts-expect-error An option that does not exist must be noticed.
       await client.upload(new Blob(['x']), { name: 'x', nonsense: 1 });
       export const isOurs = (error: unknown) => error instanceof StowageError && error.retryable;`,
        );
        const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), [
          '-p',
          folderOfTypes,
        ]).catch((error) => error);
        expect(stdout).toBe('');
      },
    );

    it('can be bundled for browsers', async () => {
      await writeFile(
        join(folder, 'page.js'),
        "import { createClient } from 'stowage-client';\nglobalThis.client = createClient;\n",
      );
      const bundler = join(root, 'node_modules/.bin/rolldown');
      const { stderr } = await run(
        bundler,
        ['page.js', '--platform', 'browser', '--file', 'bundle.js'],
        { cwd: folder },
      );
      expect(stderr).not.toMatch(/warn/i);
      expect(await readFile(join(folder, 'bundle.js'), 'utf8')).not.toMatch(
        /\brequire\(|\b(?:from|import)\s*\(?["']/,
      );
    });

    it.skipIf(!isPresent('chromium'))(
      'runs in a browser as it is (skipped without chromium)',
      async () => {
        const browser = await chromium.launch({
          executablePath: '/usr/bin/chromium',
          args: ['--no-sandbox'],
        });
        try {
          const page = await browser.newPage();
          await page.goto(url);
          const script = `import('/index.js').then(async ({ createClient }) => {
        const progress = [];
        const onProgress = (done) => progress.push(done);
        const uploaded = await createClient({ baseUrl: location.href }).upload(new Blob(['12345']), { name: 'x', onProgress });
        const refused = await createClient({ baseUrl: location.href }).getMedia('x').catch((error) => error.status);
        return { ...uploaded, done: progress.at(-1), refused };
      })`;
          expect(await page.evaluate(script)).toEqual({
            src: 'http://host/file/a.jpg',
            done: 5,
            refused: 404,
          });
        } finally {
          await browser.close();
        }
      },
    );
  },
);

describe.skipIf(!hasOtherNodes)(
  'stowage (skipped where the registry has no Node for the platform)',
  () => {
    let folder = '';
    let files: readonly string[] = [];
    beforeAll(async () => {
      ({ folder, files } = await installPacked('server'));
    }, limitMs);

    it('holds the program and nothing that only tests need', async () => {
      expect(files).toEqual(
        expect.arrayContaining([
          'LICENSE',
          'README.md',
          'bin/stowage.js',
          'dist/main.js',
          'docs/configuration.md',
        ]),
      );
      expect(
        files.filter(
          (path) =>
            !/^(LICENSE|README\.md|package\.json|bin\/stowage\.js|dist\/.*\.js|docs\/(.*\.md|monitoring\/.*\.(yml|json)))$/.test(
              path,
            ),
        ),
      ).toEqual([]);
      expect(files.filter((path) => /\.test\.|emulator|scene|fixtures/.test(path))).toEqual([]);
      const packages = await readdir(join(folder, 'node_modules'));
      expect(packages.filter((name) => ['sharp', '@aws-sdk', '@smithy'].includes(name))).toEqual(
        [],
      );
    });

    it.each([20, 22])('says in one sentence that Node %i is too old', async (major) => {
      const failed = await run('npx', ['stowage'], {
        cwd: folder,
        env: environmentOf(major),
      }).catch((error) => error);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(
        /^Stowage needs Node 24 or newer and this is Node 2\d\.[^\n]*\n$/,
      );
    });

    it.each([24, 26])(
      'starts on Node %i, takes a file, hands it out, shows its API page, stops',
      { timeout: limitMs },
      async (major) => {
        const data = join(home, `data-${major}`);
        const token = 'package-test-token-0123456789';
        const env = environmentOf(major, {
          PORT: '0',
          STOWAGE_DATA_DIR: data,
          STOWAGE_ADMIN_TOKEN: token,
        });
        expect((await run('npx', ['stowage', 'version'], { cwd: folder, env })).stdout).toMatch(
          /^\d+\.\d+\.\d+\n$/,
        );
        const child = spawn(join(folder, 'node_modules/.bin/stowage'), ['serve'], {
          cwd: folder,
          env,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        try {
          const base = await addressOf(child);
          const form = new FormData();
          form.set('file', new Blob([photo], { type: 'image/jpeg' }), 'photo.jpg');
          const headers = { authorization: `Bearer ${token}` };
          const uploaded = await fetch(`${base}/upload`, { method: 'POST', body: form, headers });
          const [{ src }] = (await uploaded.json()) as [{ src: string }];
          expect(Buffer.from(await (await fetch(base + src)).arrayBuffer()).equals(photo)).toBe(
            true,
          );
          expect(await relayWithDigest(base, headers)).toBe(200);
          const drawn = await fetch(`${base}/docs/scalar.js`);
          expect([drawn.status, (await drawn.text()).length > 1e6]).toEqual([200, true]);
          expect(
            (await run('npx', ['stowage', 'token', 'list'], { cwd: folder, env })).stdout,
          ).toContain('STOWAGE_ADMIN_TOKEN');
        } finally {
          const exited = once(child, 'exit');
          child.kill('SIGTERM');
          expect(await exited).toEqual([0, null]);
        }
      },
    );
  },
);

/** The digest is computed by a worker thread, from a file of its own in the package. */
async function relayWithDigest(base: string, headers: Record<string, string>): Promise<number> {
  const presigned = await fetch(`${base}/api/v1/media/upload`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ filename: 'a.jpg', content_type: 'image/jpeg', size: photo.length }),
  });
  const { data } = (await presigned.json()) as { data: { upload_url: string } };
  const md5 = createHash('md5').update(photo).digest('base64');
  const put = { method: 'PUT', body: photo, headers: { 'content-md5': md5 } };
  return (await fetch(new URL(data.upload_url, base), put)).status;
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) {
    throw new Error('no output');
  }
  for await (const line of createInterface(stdout)) {
    const [, base] = /^Stowage is ready at (http:\/\/\S+)/.exec(line) ?? [];
    if (base !== undefined) {
      stdout.resume();
      return base;
    }
  }
  throw new Error('The server did not start.');
}
