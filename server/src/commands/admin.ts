import { readFile } from 'node:fs/promises';
import { maxPasswordBytes, minPasswordLength } from '../core/access/passwords.ts';
import { setAdminPassword } from '../core/access/sign-in.ts';
import { cleanText } from '../core/naming/path-text.ts';
import { loadConfigOrExplain } from './load.ts';
import { readArguments, refuseArguments } from './read-arguments.ts';
import { readSecret } from './read-secret.ts';
import { withMetadata } from './with-metadata.ts';

const usage = `Usage:
  stowage admin set-password [--name NAME] [--password-file FILE]

Sets the administrator's name and password, and ends the administrator's sessions. The password is read from standard input, or from FILE.
Works on the database of the configured data folder, also while the server runs.
`;

const maxNameLength = 100;

export async function admin([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    return readArguments(['--help'], { usage, options: {} }) as number;
  }
  return name === 'set-password'
    ? setPassword(args)
    : refuseArguments(
        name === undefined ? 'Say set-password.' : `There is no command "admin ${name}".`,
        usage,
      );
}

async function setPassword(args: readonly string[]): Promise<number> {
  const given = readArguments(args, {
    usage,
    options: { name: { type: 'string' }, 'password-file': { type: 'string' } },
  });
  if (typeof given === 'number') {
    return given;
  }
  const config = loadConfigOrExplain();
  if (config === undefined) {
    return 1;
  }
  const { name = config.admin.name, 'password-file': file } = given.values;
  if (name === '' || name.length > maxNameLength || cleanText(name) !== name.normalize('NFC')) {
    return refuseArguments(
      `--name must have 1 to ${maxNameLength} characters, and nothing that cannot be seen.`,
      usage,
    );
  }
  if (config.admin.password !== undefined) {
    process.stderr.write(
      'The password is in the configuration (STOWAGE_ADMIN_PASSWORD), which sets it again at every start: change it there.\n',
    );
    return 1;
  }
  const password = await passwordFrom(file);
  if (password === undefined) {
    return 1;
  }
  return withMetadata(config, async (metadata) => {
    await setAdminPassword(metadata, { name, password }, Date.now());
    process.stdout.write(`The password of ${name} is set. All administrator sessions are ended.\n`);
    return 0;
  });
}

/** Undefined after printing what is wrong. */
async function passwordFrom(file: string | undefined): Promise<string | undefined> {
  try {
    const text =
      file === undefined ? await readSecret('New password: ') : await readFile(file, 'utf8');
    const password = text.replace(/\r?\n$/, '');
    if (password.length < minPasswordLength || Buffer.byteLength(password) > maxPasswordBytes) {
      throw new Error(
        `The password must have at least ${minPasswordLength} characters, and at most ${maxPasswordBytes} bytes.`,
      );
    }
    return password;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return undefined;
  }
}
