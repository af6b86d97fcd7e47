import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPresent } from './setup/programs.ts';

const run = promisify(execFile);
const launcher = fileURLToPath(new URL('../bin/stowage.js', import.meta.url));
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/^```bash\n(.*?)^```/gms)]
  .map(([, text = '']) => text)
  .filter((text) => /\bcurl\b/.test(text));

/** Its size is what the README declares. */
const photo = readFileSync(new URL('./fixtures/photo.jpg', import.meta.url));

const TOKEN = 'readme-token-0123456789';
let folder = '';
let server: ReturnType<typeof spawn> | undefined;
/** What a reader would copy from one answer into the next line. */
const variables: Record<string, string> = { TOKEN };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-readme-'));
  await writeFile(join(folder, 'photo.jpg'), photo);
  // Makes curl end with an error where it would only print one.
  await writeFile(join(folder, '.curlrc'), 'fail-with-body\nsilent\nshow-error\n');
  const env = { PATH: process.env.PATH, PORT: '0', STOWAGE_DATA_DIR: join(folder, 'data'), STOWAGE_ADMIN_TOKEN: TOKEN };
  server = spawn(process.execPath, [launcher, 'serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  if (server.stdout === null) throw new Error('no output');
  for await (const line of createInterface(server.stdout)) {
    const [, base] = /Stowage is ready at (http:\/\/[^\s"]+)/.exec(line) ?? [];
    if (base === undefined) continue;
    variables.BASE = base;
    break;
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

describe.skipIf(!isPresent('curl') || !isPresent('bash'))('the commands in README.md (skipped without curl and bash)', () => {
  it('are there, and declare the size of the picture they send', () => {
    expect(blocks.length).toBeGreaterThan(4);
    expect(readme).toContain(`"size": ${photo.length}`);
  });

  it.each(blocks)('%s', async (block) => {
    const env = { PATH: process.env.PATH, CURL_HOME: folder, ...variables };
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', block], { cwd: folder, env });
    note('SRC', /"src":\s*"(\/file\/[^"]+)"/, stdout);
    note('MEDIA_ID', /"media_id":\s*"([^"]+)"/, stdout);
    note('UPLOAD_ID', /"uploadId":\s*"([^"]+)"/, stdout);
    note('UPLOAD_URL', /"upload_url":\s*"([^"]+)"/, stdout);
    expect(stdout).not.toMatch(/"error":\s*[^n\s]/);
  });

  it('bring the file back as it was', async () => {
    expect((await readFile(join(folder, 'copy.jpg'))).equals(photo)).toBe(true);
    expect((await readFile(join(folder, 'start.bin'))).equals(photo.subarray(0, 1024))).toBe(true);
  });
});

function note(name: string, pattern: RegExp, text: string): void {
  const [, value] = pattern.exec(text) ?? [];
  if (value !== undefined) variables[name] = value;
}
