/**
 * `npm run lockfile`, after adding a package: enters optional platform packages that npm left out of `package-lock.json`, which it does when the registry at hand
 * (a mirror) does not serve them. Without them `npm ci` refuses the lockfile, or a machine of that platform lacks its binary.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { completeLockfile, type Lockfile } from './lockfile.ts';

const path = new URL('../../package-lock.json', import.meta.url);
const { lockfile, added } = completeLockfile(JSON.parse(await readFile(path, 'utf8')) as Lockfile);
if (added.length > 0) await writeFile(path, `${JSON.stringify(lockfile, undefined, 2)}\n`);
console.log(added.length === 0 ? 'package-lock.json is complete' : `entered ${added.join(', ')}`);
