import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Releases of Node that the packages are tried on beside the one that runs the tests. */
const releases = { 20: '20.20.2', 22: '22.23.5', 24: '24.22.3' } as const;

const platform = `${process.platform}-${process.arch}`;

/** Their binaries come from the registry, which has them for these platforms. */
export const hasOtherNodes = ['linux-x64', 'linux-arm64'].includes(platform);

/** Path of a Node by its major version; kept in the temporary folder for the next run. */
export async function otherNodes(): Promise<Readonly<Record<number, string>>> {
  const folder = join(tmpdir(), `stowage-test-nodes-${process.getuid?.()}-${Object.values(releases).join('-')}`);
  if (!existsSync(folder)) await install(folder);
  const paths = Object.keys(releases).map((major) => [Number(major), join(folder, 'node_modules', `n${major}`, 'bin', 'node')]);
  return { ...Object.fromEntries(paths), [Number.parseInt(process.versions.node, 10)]: process.execPath };
}

/** Aside, and moved when complete: two runs may do it at once, and one may be killed. */
async function install(folder: string): Promise<void> {
  const aside = `${folder}.${process.pid}`;
  await mkdir(aside, { mode: 0o700 });
  await writeFile(join(aside, 'package.json'), '{"private":true}');
  const packages = Object.entries(releases).map(([major, version]) => `n${major}@npm:node-${platform}@${version}`);
  await promisify(execFile)('npm', ['install', '--loglevel=error', '--no-audit', '--no-fund', ...packages], { cwd: aside });
  await rename(aside, folder).catch(() => rm(aside, { recursive: true }));
}
