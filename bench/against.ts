import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('..', import.meta.url));

export interface Checkout {
  /** Its short name. */
  readonly commit: string;
  readonly root: string;
  remove(): Promise<void>;
}

/** Checks the commit out below `base`, in a work tree of its own, and installs its packages. */
export async function checkOut(commit: string, base: string): Promise<Checkout> {
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, 'against-'));
  const root = join(folder, 'checkout');
  const git = (...args: string[]) => run('git', ['-C', repository, ...args]);
  const remove = async () => {
    await git('worktree', 'remove', '--force', root).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { stdout } = await git('rev-parse', '--short', '--verify', `${commit}^{commit}`);
    await git('worktree', 'add', '--detach', root, commit);
    await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, maxBuffer: 2 ** 24 });
    return { commit: stdout.trim(), root, remove };
  } catch (error) {
    await remove();
    const { stderr, message } = error as Error & { readonly stderr?: string };
    throw new Error(`${commit} cannot be installed: ${(stderr || message).trim().slice(-500)}`);
  }
}
