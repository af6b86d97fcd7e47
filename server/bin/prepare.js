// Before `npm start` in a checkout: installs what running needs, when that is not there or belongs
// to another version of the checkout. Plain JavaScript for any Node, without packages. What `npm
// ci` installed is complete and left alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;

const root = fileURLToPath(new URL('../..', import.meta.url));
const packages = join(root, 'node_modules');
/**
 * `stowage` and `stowage-upload`: what npx does not find here, it looks for in the registry, under
 * a name that anyone may take.
 */
const commands = ['--workspace=server', '--workspace=client'];
/**
 * Says for which lockfile, and for which commands, this program has installed; `npm ci` removes it
 * together with the rest.
 */
const stamp = join(packages, '.stowage-start');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(commands.join())
  .digest('hex');

const isOld = Number(process.versions.node.split('.')[0]) < NEEDED;
/**
 * The Node that an installation has brought. npm runs this program on it, so that it does not see
 * how old the one of the machine is.
 */
const broughtNode = join(packages, `node-${process.platform}-${process.arch}`);

if (!isReady()) {
  install();
}

function isReady() {
  if (existsSync(stamp)) {
    return isForDevelopment() || (readFileSync(stamp, 'utf8') === wanted && !lacksNode());
  }
  return existsSync(join(packages, '.package-lock.json'));
}

/**
 * It was installed on a newer Node, which has gone since. Elsewhere than on Linux there is none to
 * bring.
 */
function lacksNode() {
  return isOld && process.platform === 'linux' && !existsSync(broughtNode);
}

/** Tools were added since: whoever did that keeps the packages up to date as well. */
function isForDevelopment() {
  return existsSync(join(packages, 'vitest'));
}

function install() {
  process.stdout.write(
    `Installing what Stowage needs to run${isOld ? `, Node included: this one is ${process.versions.node}` : ''}\n`,
  );
  // The root's packages are Node itself.
  const scope = [
    ...commands,
    ...(isOld || existsSync(broughtNode) ? ['--include-workspace-root'] : []),
  ];
  const { status, error } = spawnSync('npm', ['ci', '--omit=dev', ...scope, '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    process.stderr.write(
      `The packages could not be installed${error ? `: ${error.message}` : ', see above'}.\n`,
    );
    process.exit(1);
  }
  for (const name of readdirSync(packages)) {
    if (name.startsWith('node-linux-')) {
      dropHeaders(join(packages, name));
    }
  }
  writeFileSync(stamp, wanted);
}

/** 65 MB that only compilers of add-ons read. */
function dropHeaders(node) {
  for (const folder of ['include', 'share']) {
    rmSync(join(node, folder), { recursive: true, force: true });
  }
}
