/**
 * `npm run lockfile`, after adding a package: lets npm find out the checksums that
 * `package-lock.json` lacks, then enters optional platform packages that npm leaves out, which it
 * does when the registry at hand (a mirror) does not serve them. Without them `npm ci` refuses the
 * lockfile, or a machine of that platform lacks its binary.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { completeLockfile, type Lockfile, unchecked, withoutUnchecked } from './lockfile.ts';

const root = new URL('../../', import.meta.url);
const path = new URL('package-lock.json', root);
const read = async (): Promise<Lockfile> => JSON.parse(await readFile(path, 'utf8')) as Lockfile;
const write = (lockfile: Lockfile): Promise<void> =>
  writeFile(path, `${JSON.stringify(lockfile, undefined, 2)}\n`);

const before = await readFile(path);
try {
  await write(withoutUnchecked(await read()));
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], {
    cwd: fileURLToPath(root),
    stdio: 'inherit',
  });
  await write(completeLockfile(await read()).lockfile);
} catch (error) {
  await writeFile(path, before);
  throw error;
}
const left = unchecked(await read());
console.log(
  left.length === 0
    ? 'package-lock.json is complete'
    : `no checksum is known here for ${left.join(', ')}`,
);
