import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeServer } from '../test/fake-server.ts';

const run = promisify(execFile);
const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stowage-cli-'));
let server: Awaited<ReturnType<typeof startFakeServer>>;

beforeAll(async () => {
  writeFileSync(join(folder, 'a.jpg'), 'aaa');
  server = await startFakeServer(async ({ headers, form }) => {
    if (headers.authorization !== 'Bearer right') return { status: 401, text: 'Unauthorized' };
    const file = (await form()).get('file') as File;
    return { json: [{ src: `http://host/file/${file.name}?${file.type}&${await file.text()}` }] };
  });
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function upload(token: string, ...args: readonly string[]) {
  const env = { ...process.env, STOWAGE_CLIENT_URL: server.baseUrl, STOWAGE_CLIENT_TOKEN: token };
  return run(process.execPath, [cli, ...args], { cwd: folder, env });
}

describe('stowage-upload', () => {
  it('prints a link for every file', async () => {
    const { stdout } = await upload('right', 'a.jpg', join(folder, 'a.jpg'));
    expect(stdout).toBe('http://host/file/a.jpg?image/jpeg&aaa\n'.repeat(2));
  });

  it('goes on after a file that fails, and ends with 1', async () => {
    const failed = await upload('right', 'missing.jpg', 'a.jpg').catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('/file/a.jpg'),
      stderr: expect.stringContaining('missing.jpg: '),
    });
  });

  it('says what it was given when that is no file, or no server', async () => {
    await expect(upload('right', folder)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('This is a folder') });
    await expect(upload('right', '--url', 'http://127.0.0.1:1', 'a.jpg')).rejects.toMatchObject({
      stderr: expect.stringContaining('Is http://127.0.0.1:1 right'),
    });
  });

  it('says why the server refused', async () => {
    await expect(upload('wrong', 'a.jpg')).rejects.toMatchObject({
      code: 1,
      stderr: 'a.jpg: Unauthorized: give a token that may upload (--token or STOWAGE_CLIENT_TOKEN).\n',
    });
  });

  it('shows how it is used', async () => {
    await expect(upload('right')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('Usage') });
    await expect(upload('right', '--nonsense')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('--nonsense') });
  });
});
