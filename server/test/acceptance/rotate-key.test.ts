import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Backend, telegramBackend } from './backends.ts';
import { type Stowage, startStowage } from './harness.ts';
import { srcOf, upload } from './requests.ts';
import { runCommand } from './stowage-command.ts';

const [oldKey, newKey] = ['o'.repeat(40), 'n'.repeat(40)];
const query = '?uploadChannel=telegram&autoRetry=false';

describe('stowage rotate-key', () => {
  let stowage: Stowage;
  let telegram: Backend;
  let src: string;
  const begin = async (env: Readonly<Record<string, string>>): Promise<void> => {
    stowage = await startStowage({ env });
    const { type, name, ...settings } = telegram.channel as Record<string, string>;
    const body = JSON.stringify({ type, name, settings });
    await stowage.fetch('/api/manage/channels', { method: 'POST', body });
    src = await srcOf(upload(stowage, query));
  };
  const rotate = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    runCommand(['rotate-key', ...args], { dataDir: stowage.dataDir, env });
  const isRead = async () => (await (await stowage.fetch(src)).text()) === 'hello';

  beforeEach(async () => {
    telegram = await telegramBackend();
  });
  afterEach(async () => {
    await stowage?.stop();
    await telegram?.stop();
  });

  it('replaces the key file', async () => {
    await begin({});
    const path = join(stowage.dataDir, 'secret.key');
    const before = await readFile(path);
    const running = await rotate();
    expect([running.code, await readFile(path)]).toEqual([1, before]);
    await stowage.terminate();
    const { code, stdout, stderr } = await rotate();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe('The secrets of 1 channels are encrypted with the new key.\n');
    expect(await readFile(path)).not.toEqual(before);
    await stowage.start();
    expect(await isRead()).toBe(true);
    await srcOf(upload(stowage, query));
  });

  it('completes what was interrupted before the new key file took its place', async () => {
    await begin({});
    await stowage.terminate();
    const path = join(stowage.dataDir, 'secret.key');
    const before = await readFile(path);
    await rotate();
    const after = await readFile(path);
    await writeFile(path, before);
    await writeFile(`${path}.next`, after);
    expect((await rotate()).code).toBe(0);
    expect(await readFile(path)).toEqual(after);
    await stowage.start();
    expect(await isRead()).toBe(true);
  });

  it('goes to the key that is configured, and back', async () => {
    await begin({ STOWAGE_SECRET_KEY: oldKey });
    await stowage.terminate();
    const file = join(stowage.dataDir, 'old');
    await writeFile(file, `${oldKey}\n`);
    const env = { STOWAGE_SECRET_KEY: newKey };
    const without = await rotate([], env);
    expect(without.code).toBe(1);
    expect(without.stderr).toContain('--old-key-file');
    const wrong = await rotate(['--old-key-file', join(stowage.dataDir, 'stowage.db')], env);
    expect(wrong.code).toBe(1);
    for (let times = 0; times < 2; times++) {
      expect((await rotate(['--old-key-file', file], env)).code).toBe(0);
    }
    await stowage.start();
    const problem = await (await stowage.fetch('/api/manage/channels')).text();
    expect(problem).toContain('was encrypted with another key');
    expect((await stowage.fetch(src)).status).toBe(503);
    await stowage.terminate();
    await writeFile(file, newKey);
    const back = await rotate(['--old-key-file', file], { STOWAGE_SECRET_KEY: oldKey });
    expect(back.code).toBe(0);
    await stowage.start();
    expect(await isRead()).toBe(true);
  });
});
