import packageJson from '../package.json' with { type: 'json' };
import { readArguments } from './commands/read-arguments.ts';

/**
 * One subcommand: its arguments, and the exit code it resolves with. `serve` resolves when the
 * server has stopped.
 */
type Command = (args: readonly string[]) => Promise<number>;

const version: Command = async (args) => {
  const given = readArguments(args, {
    usage: 'Usage: stowage version\n\nPrints the version.\n',
    options: {},
  });
  if (typeof given === 'number') {
    return given;
  }
  process.stdout.write(`${packageJson.version}\n`);
  return 0;
};

/** Loaded when asked for: a health check every few seconds must not load the server. */
const commands: Readonly<Record<string, Command>> = {
  serve: async (args) => (await import('./commands/serve.ts')).serve(args),
  token: async (args) => (await import('./commands/token.ts')).token(args),
  admin: async (args) => (await import('./commands/admin.ts')).admin(args),
  migrate: async (args) => (await import('./commands/migrate.ts')).migrate(args),
  backup: async (args) => (await import('./commands/backup.ts')).backup(args),
  restore: async (args) => (await import('./commands/restore.ts')).restore(args),
  'rotate-key': async (args) => (await import('./commands/rotate-key.ts')).rotateKey(args),
  scrub: async (args) => (await import('./commands/scrub.ts')).scrub(args),
  doctor: async (args) => (await import('./commands/doctor.ts')).doctor(args),
  health: async (args) => (await import('./commands/health.ts')).health(args),
  version,
  '--version': version,
};

const usage = `Usage: stowage <command>

  serve      start the server (default)
  token      create, list or revoke API tokens
  admin      set the administrator's password
  migrate    bring the database up to date
  backup     copy the library to a folder, also while the server runs
  restore    bring a backup into an empty data folder
  scrub      compare stored files with their hashes, find what is lost or left over
  rotate-key encrypt the secrets in the database with a new key
  doctor     check runtime, data folder, database and channels
  health     ask the running server whether it lives, for health checks
  version    say which version this is

Run stowage <command> --help for its options. Settings come from the environment and stowage.config.json, see docs/configuration.md.
`;

const [name = 'serve', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  const isHelp = ['help', '--help', '-h'].includes(name);
  (isHelp ? process.stdout : process.stderr).write(
    isHelp ? usage : `There is no command "${name}".\n\n${usage}`,
  );
  process.exitCode = isHelp ? 0 : 2;
} else {
  process.exitCode = await command(args);
}
