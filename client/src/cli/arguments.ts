import { parseArgs } from 'node:util';
import { type Format, formats } from './output.ts';

export const usage = `Usage: stowage-upload [options] FILE...

Uploads files and prints a link for each. FILE can be - for standard input, with --name.

  --url URL            address of the server (STOWAGE_CLIENT_URL, default http://127.0.0.1:8080)
  --token TOKEN        API token (better in STOWAGE_CLIENT_TOKEN: other users can see arguments)
  --auth-code CODE     upload code instead of a token

  --folder FOLDER      folder to store under
  --recursive          upload what is in folders; subfolders are kept, symbolic links are left out
  --name NAME          name of the file, when there is only one
  --type TYPE          content type; by default that of the extension
  --naming KIND        default, index, origin or short
  --channel TYPE       type of channel, such as s3; --channel-name NAME for a certain one
  --media              use the Media API (images, MP4, PDF)
  --resume ID          resume an interrupted upload of one large file

  --format FORMAT      url (default), md, html or bbcode
  --json               print one line of JSON for each file, failures included
  --quiet              no progress
  --version
  --help

Exit code: 0 all uploaded, 1 some failed, 2 wrong arguments.
`;

/** The arguments are wrong, whatever the server. */
export class UsageError extends Error {}

const namings = ['default', 'index', 'origin', 'short'] as const;

export function readArguments() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parse({
    url: { ...text, default: process.env.STOWAGE_CLIENT_URL || 'http://127.0.0.1:8080' },
    token: { ...text, default: process.env.STOWAGE_CLIENT_TOKEN ?? '' },
    'auth-code': { ...text, default: '' },
    folder: text,
    recursive: { ...flag, short: 'r' },
    name: text,
    type: text,
    naming: text,
    channel: text,
    'channel-name': text,
    media: flag,
    resume: text,
    format: { ...text, default: 'url' },
    json: flag,
    quiet: { ...flag, short: 'q' },
    version: { ...flag, short: 'v' },
    help: { ...flag, short: 'h' },
  });
  const { naming, format } = values;
  return {
    ...values,
    naming: oneOf('--naming', namings, naming),
    format: oneOf('--format', formats, format) ?? 'url',
    paths: positionals,
  };
}

export type Arguments = Omit<ReturnType<typeof readArguments>, 'format'> & {
  readonly format: Format;
};

function parse<
  const Options extends NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>,
>(options: Options) {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

function oneOf<Known extends string>(
  option: string,
  known: readonly Known[],
  value: string | undefined,
): Known | undefined {
  const found = known.find((each) => each === value);
  if (value !== undefined && found === undefined) {
    throw new UsageError(`${option} must be ${known.join(', ')}, not "${value}".`);
  }
  return found;
}

/** Refuses options that contradict each other, before anything is sent. */
export function checkArguments({ url, paths, name, media, ...rest }: Arguments): void {
  if (!/^https?:\/\/[^/]/i.test(url)) {
    throw new UsageError(
      `--url must start with http:// or https://, such as http://127.0.0.1:8080, not "${url}".`,
    );
  }
  if (paths.includes('-') && name === undefined) {
    throw new UsageError('Standard input has no name: add one, such as --name photo.jpg.');
  }
  const unfit = (['folder', 'naming', 'channel', 'channel-name', 'resume'] as const).find(
    (option) => rest[option] !== undefined,
  );
  if (media && unfit !== undefined) {
    throw new UsageError(`--${unfit} does not go with --media.`);
  }
}

/** Repeats the check with the number of files that the folders contain. */
export function checkCount(count: number, { name, resume }: Arguments): void {
  if (count === 0) {
    throw new UsageError('There are no files in it.');
  }
  if (count === 1) {
    return;
  }
  if (name !== undefined) {
    throw new UsageError('--name goes with one file only.');
  }
  if (resume !== undefined) {
    throw new UsageError('--resume goes with one file only.');
  }
}
