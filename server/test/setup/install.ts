/**
 * Runs before the tests: installs what suites need from Debian packages when it may, and says which
 * suites will be skipped when it may not. Never fails: a suite that misses its program skips
 * itself. SKIP_INSTALL=1 leaves the machine alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isPresent, missingNeeds, type Need } from './programs.ts';

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\n# by the test set-up of Stowage\nexit 101\n';
const APT_LIMIT_MS = 15 * 60_000;

const missing = missingNeeds();
if (missing.length > 0) {
  const obstacle = whyNot();
  if (obstacle === undefined) {
    withoutAutostart(() => install(missing));
  }
  explain(missingNeeds(), obstacle ?? 'the packages could not be installed, see above');
}

function whyNot(): string | undefined {
  if (process.env.SKIP_INSTALL) {
    return 'SKIP_INSTALL is set';
  }
  if (!isPresent('apt-get')) {
    return 'this is no Debian';
  }
  if (process.getuid?.() !== 0) {
    return 'only root can install packages';
  }
  return undefined;
}

/**
 * Keeps packages from starting their daemons, which would take the ports of the machine's owner.
 */
function withoutAutostart(work: () => void): void {
  // One of ours may be left over from a run that was killed.
  const ours = !existsSync(POLICY) || readFileSync(POLICY, 'utf8') === POLICY_TEXT;
  const restore = () => ours && rmSync(POLICY, { force: true });
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  process.once('exit', restore);
  if (ours) {
    writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
  }
  try {
    work();
  } finally {
    restore();
  }
}

function install(wanted: readonly Need[]): void {
  const packages = wanted.flatMap((need) => need.packages);
  console.log(`Installing what the tests need: ${packages.join(' ')}`);
  apt(['update', '-qq']);
  if (aptInstall(packages) || wanted.length === 1) {
    return;
  }
  console.log('Not all of them together: trying one by one.');
  for (const need of wanted) {
    aptInstall(need.packages);
  }
}

function aptInstall(packages: readonly string[]): boolean {
  return apt(['install', '-y', '-qq', '--no-install-recommends', ...packages]);
}

function apt(args: readonly string[]): boolean {
  const options = [
    '-o',
    'DPkg::Lock::Timeout=120',
    '-o',
    'Acquire::Retries=2',
    '-o',
    'Acquire::http::Timeout=20',
    '-o',
    'Dpkg::Use-Pty=0',
  ];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', [...options, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: APT_LIMIT_MS,
  });
  return status === 0;
}

function explain(left: readonly Need[], reason: string): void {
  if (left.length === 0) {
    return;
  }
  console.log(`\nSuites that will be skipped (${reason}):`);
  for (const { suites, programs, packages } of left) {
    console.log(
      `  - ${suites}: no ${programs.filter((program) => !isPresent(program)).join(', ')} (Debian: ${packages.join(' ')})`,
    );
  }
  console.log('');
}
