#!/usr/bin/env node
// Plain JavaScript for any Node, so that an old one gets a sentence instead of a syntax error. The
// program is src/main.ts in a checkout, dist/main.js in the package.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;

// Durable writes wait in fsync: with libuv's four threads they would wait for each other. Read when
// the first file call is made.
process.env.UV_THREADPOOL_SIZE ??= '16';

/**
 * For a small server (docs/decisions/003-hot-path.md): an old generation that may double before all
 * of it is collected (V8 counts buffers in and would collect all the time while bodies pass), `gc`
 * for core/streams/gc-pressure.ts, and two heaps for all threads of the pool instead of one for
 * each. All are read when a process starts.
 */
const NODE_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=100', '--expose-gc'];
const MALLOC = { MALLOC_ARENA_MAX: '2' };

if (majorOf(process.versions.node) >= NEEDED) {
  startOverSmall();
  keepCompiled();
  import(programUrl()).catch(die);
} else {
  const own = ownNode();
  if (own) {
    runWith(own);
  } else {
    refuse();
  }
}

/** A checkout may hold an old build as well: its sources win. */
function programUrl() {
  const source = new URL('../src/main.ts', import.meta.url);
  return existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href;
}

/**
 * Compiled sources are kept beside the packages: a second start takes a quarter of the time and 20
 * MB less memory, as nothing has to be stripped of its types. Never in the shared temporary folder,
 * where others could place code. Where it cannot be written (containers) nothing happens.
 */
function keepCompiled() {
  const parent = fileURLToPath(new URL('../..', import.meta.url));
  const packages = basename(parent) === 'node_modules' ? parent : join(parent, 'node_modules');
  nodeModule.enableCompileCache(join(packages, '.cache', 'stowage'));
  // It would be written at the end only, and a server may end by a power cut.
  setTimeout(() => nodeModule.flushCompileCache(), 5000).unref();
}

/**
 * Puts the same program with these settings in the place of this process, which keeps its id. Does
 * not come back; where it cannot be done, goes on as it is.
 */
function startOverSmall() {
  const isServer = process.argv[2] === undefined || process.argv[2] === 'serve';
  const isDone = NODE_FLAGS.every((flag) => process.execArgv.includes(flag));
  if (!isServer || isDone || process.platform === 'win32' || !process.execve) {
    return;
  }
  const args = [process.execPath, ...NODE_FLAGS, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, args, { ...MALLOC, ...process.env });
}

function majorOf(version) {
  return Number(version.split('.')[0]);
}

/**
 * The Node that npm put beside us, when it is new enough and runs on this machine. Not only where
 * npm links it: npm 10 removes that link again, because the package for the other processor, which
 * it did not install, has a command of the same name.
 */
function ownNode() {
  const places = ['.bin/node', `node-${process.platform}-${process.arch}/bin/node`];
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const paths = places.map((place) => join(folder, 'node_modules', place));
    const path = paths.find((candidate) => existsSync(candidate) && isNewEnough(candidate));
    if (path !== undefined || folder === dirname(folder)) {
      return path;
    }
  }
}

function isNewEnough(node) {
  const { status, stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return status === 0 && majorOf(stdout) >= NEEDED;
}

function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  const pass = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  // A terminal sends Ctrl-C to the whole group: the child has it already and must not get it twice.
  for (const signal of signals) {
    process.on(signal, signal === 'SIGINT' && process.stdin.isTTY ? () => {} : pass);
  }
  child.on('error', die);
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

function refuse() {
  process.stderr.write(
    `Stowage needs Node ${NEEDED} or newer and this is Node ${process.versions.node}: ` +
      'install a newer one, or run `npm start` in a checkout of the repository, which brings its own on Linux (x64, arm64).\n',
  );
  process.exitCode = 1;
}

function die(error) {
  process.stderr.write(`${error?.stack || error}\n`);
  process.exit(1);
}
