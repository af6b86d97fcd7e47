import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

it.each(['version', '--version'])('%s says which it is', (name) => {
  expect(run(name)).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

it.each(['help', '--help', '-h'])('%s lists the commands', (name) => {
  const { status, stdout } = run(name);
  expect(status).toBe(0);
  for (const command of [
    'serve',
    'token',
    'migrate',
    'backup',
    'restore',
    'scrub',
    'doctor',
    'health',
    'version',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  }
});

it('a command that there is not is an error, and so is the name of something inherited', () => {
  for (const name of ['sevre', 'toString']) {
    const { status, stdout, stderr } = run(name);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(new RegExp(`^There is no command "${name}"`));
  }
});
