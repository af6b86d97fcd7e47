// After npm has installed a checkout: links the Node that came along, so that scripts and `npx` run
// on it. npm links it as well, but npm 10 removes the link again, because the package for the other
// processor, which it did not install, has a command of the same name.
import { existsSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));
const name = `node-${process.platform}-${process.arch}`;
const link = `${packages}/.bin/node`;

if (existsSync(`${packages}/${name}`) && !existsSync(link)) {
  symlinkSync(`../${name}/bin/node`, link);
}
