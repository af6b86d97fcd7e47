import packageJson from '../package.json' with { type: 'json' };
import { backup } from './commands/backup.ts';
import { doctor } from './commands/doctor.ts';
import { migrate } from './commands/migrate.ts';
import { restore } from './commands/restore.ts';
import { serve } from './commands/serve.ts';
import { token } from './commands/token.ts';

/** One subcommand: its arguments, and the exit code it resolves with. `serve` resolves when the server has stopped. */
type Command = (args: readonly string[]) => Promise<number>;

const version: Command = async () => {
  process.stdout.write(`${packageJson.version}\n`);
  return 0;
};

const commands: Readonly<Record<string, Command>> = {
  serve,
  token,
  migrate,
  backup,
  restore,
  doctor,
  version,
  '--version': version,
};

const usage = `Usage: stowage <command>

  serve      start the server (default)
  token      create, list or revoke API tokens
  migrate    bring the database up to date
  backup     copy the library to a folder, also while the server runs
  restore    bring a backup into an empty data folder
  doctor     check runtime, data folder, database and channels
  version    say which version this is

Settings come from the environment and stowage.config.json, see docs/configuration.md.
`;

const [name = 'serve', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  const isHelp = ['help', '--help', '-h'].includes(name);
  (isHelp ? process.stdout : process.stderr).write(isHelp ? usage : `There is no command "${name}".\n\n${usage}`);
  process.exitCode = isHelp ? 0 : 2;
} else {
  process.exitCode = await command(args);
}
