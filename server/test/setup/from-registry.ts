import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Manifest {
  /** Exact versions by name; `npm:package@version` renames one. */
  readonly dependencies: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
}

/**
 * Installs packages, or finds them in the temporary folder where the last run left them. Returns
 * the folder; runs no script of any package.
 */
export async function fromRegistry(name: string, manifest: Manifest): Promise<string> {
  const versions = Object.values(manifest.dependencies).map((version) => version.split('@').at(-1));
  const folder = join(tmpdir(), `stowage-test-${name}-${process.getuid?.()}-${versions.join('-')}`);
  if (!existsSync(folder)) {
    await install(folder, manifest);
  }
  return folder;
}

/** Aside, and moved when complete: two runs may do it at once, and one may be killed. */
async function install(folder: string, manifest: Manifest): Promise<void> {
  const aside = `${folder}.${process.pid}`;
  await mkdir(aside, { mode: 0o700 });
  await writeFile(join(aside, 'package.json'), JSON.stringify({ private: true, ...manifest }));
  const options = ['--ignore-scripts', '--omit=dev', '--loglevel=error', '--no-audit', '--no-fund'];
  try {
    await promisify(execFile)('npm', ['install', ...options], { cwd: aside });
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true });
    if (!existsSync(folder)) {
      throw error;
    }
  }
}

/** Whether an installation failed because there is no way to the registry. */
export function isOffline(error: unknown): boolean {
  return /E(NOTFOUND|CONNREFUSED|CONNRESET|AI_AGAIN|TIMEDOUT|HOSTUNREACH|NETUNREACH)\b/.test(
    String((error as { stderr?: string }).stderr),
  );
}
