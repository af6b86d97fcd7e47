import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOtherNodes, type NodeEnvironment, nodeEnvironments } from './setup/nodes.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const canCopy = hasOtherNodes && existsSync(join(root, '.git'));
const limitMs = 180_000;

describe.skipIf(!canCopy)(
  'a fresh checkout (skipped without git, and where the registry has no Node for the platform)',
  () => {
    let home = '';
    let checkout = '';
    let environmentOf: NodeEnvironment;
    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'stowage-checkout-'));
      checkout = join(home, 'checkout');
      environmentOf = await nodeEnvironments();
      const { stdout } = await run('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 2 ** 24 });
      const files = stdout
        .split('\0')
        .filter((path) => path !== '' && existsSync(join(root, path)));
      for (const path of files) {
        await cp(join(root, path), join(checkout, path));
      }
    }, limitMs);
    afterAll(() => rm(home, { recursive: true }));

    /** `npm start` until it is ready; resolves with all that it printed before. */
    async function npmStart(major: number) {
      const env = environmentOf(major, { PORT: '0', STOWAGE_DATA_DIR: join(home, 'data') });
      const child = spawn('npm', ['start'], {
        cwd: checkout,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const said: string[] = [];
      createInterface(child.stderr).on('line', (line) => said.push(line));
      const exited = once(child, 'exit');
      for await (const line of createInterface(child.stdout)) {
        said.push(line);
        if (line.startsWith('Stowage is ready at ')) {
          child.kill('SIGTERM');
        }
      }
      const [code] = await exited;
      expect(code, said.join('\n')).toBe(0);
      return said;
    }

    it('starts by one command on Node 20, with few packages and no warnings', {
      timeout: limitMs,
    }, async () => {
      const said = await npmStart(20);
      expect(said.filter((line) => /warn|deprecated/i.test(line))).toEqual([]);
      expect(said).toContainEqual(expect.stringMatching(/^Installing what Stowage needs/));
      const packages = join(checkout, 'node_modules');
      const node = await megabytes(join(packages, `node-linux-${process.arch}`));
      expect(node).toBeLessThan(160);
      expect((await megabytes(packages)) - node).toBeLessThan(100);
    });

    it('installs nothing again', { timeout: limitMs }, async () => {
      expect((await npmStart(20)).join('\n')).not.toContain('Installing');
    });
  },
);

async function megabytes(folder: string): Promise<number> {
  return Number.parseInt((await run('du', ['-sm', folder])).stdout, 10);
}
